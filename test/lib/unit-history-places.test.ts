import { describe, expect, it, onTestFinished, vi } from "vitest";
import { autoId } from "../../lib/auto-id.ts";
import { createChannel, createEventBuffer, type HistoryOptions } from "../../lib/index.ts";
import { gapEvent, openSession } from "./sessions.ts";

/** A channel with ids of its own making, and those that it made. */
function numbered(history: HistoryOptions | true = true) {
  const ids: string[] = [];
  const channel = createChannel({ history });
  channel.on("broadcast", (_data, _name, id) => ids.push(id));
  let count = 0;
  const send = (times = 1) => {
    for (let time = 0; time < times; time++) channel.broadcast(++count);
    return ids.at(-1) as string;
  };
  return { channel, ids, send };
}

type Numbered = ReturnType<typeof numbered>;

/** What a client gets that comes back with this id. */
async function resumed({ channel }: Numbered, lastId: string) {
  const { session, body } = await openSession(lastId);
  channel.register(session);
  return (await body())
    .replaceAll(/id:.+\n/g, "")
    .replaceAll(/data:(\d+)\n\n/g, "$1 ")
    .trim();
}

/** The client's view of a gap and what follows it. */
function gapThen({ channel, ids }: Numbered, reason: string, rest: string) {
  const oldest = ids[ids.length - (channel.stats().history?.events as number)];
  return gapEvent(reason, oldest as string) + rest;
}

/** What a session was pushed, or a channel has sent, that is none of this channel's events. */
async function foreignId() {
  const { session, body } = await openSession();
  session.push("own");
  await body();
  return session.lastId;
}

describe("an id of this process that is not of the channel", () => {
  it("stands between what was sent before and after it", async () => {
    const room = numbered();
    room.send(2);
    const pushed = await foreignId();
    room.send(2);
    expect(await resumed(room, pushed)).toBe("3 4");
    expect(await resumed(room, await foreignId())).toBe("");
  });

  it("serves several channels of one session", async () => {
    const [news, chat] = [numbered(), numbered()];
    const { session, body } = await openSession();
    news.channel.register(session);
    chat.channel.register(session);
    news.send();
    chat.send(2);
    await body();
    news.send();
    chat.send();
    const { session: back, body: rest } = await openSession(session.lastId);
    news.channel.register(back);
    chat.channel.register(back);
    expect(await rest()).toBe(`id:${news.ids[1]}\ndata:2\n\nid:${chat.ids[2]}\ndata:3\n\n`);
  });

  it("is no gap where nothing newer was evicted, and one where something was", async () => {
    const room = numbered({ events: 2 });
    room.send(2);
    const between = await foreignId();
    const last = room.send();
    room.send();
    expect(await resumed(room, between)).toBe("3 4");
    room.send();
    expect(await resumed(room, between)).toBe(gapThen(room, "evicted", "4 5"));
    expect(await resumed(room, last)).toBe("4 5");
    room.send();
    expect(await resumed(room, last)).toBe(gapThen(room, "evicted", "5 6"));
  });

  it("is unknown where it is older than the channel", async () => {
    const before = await foreignId();
    const room = numbered();
    room.send();
    expect(await resumed(room, before)).toBe(gapThen(room, "unknown", "1"));
  });

  it("finds its place among ids that the application gives", async () => {
    const room = numbered();
    room.channel.broadcast("a", "message", { eventId: "a" });
    const pushed = await foreignId();
    room.channel.broadcast(7, "message", { eventId: "b" });
    expect(await resumed(room, pushed)).toBe("7");
  });

  it("holds for a buffer's events only as an unknown one, as they may be sent later than they were made", async () => {
    const room = numbered();
    room.send();
    const buffer = createEventBuffer().push("made before 2");
    const [, id] = /^id:(.+)$/m.exec(buffer.read()) ?? [];
    room.send();
    expect(await resumed(room, id as string)).toBe(gapThen(room, "unknown", "1 2"));
  });
});

describe("an id that this process never gave", () => {
  const forge = (id: string, at: number, digit: string) =>
    id.slice(0, at) + digit + id.slice(at + 1);

  it("is unknown, however much it looks like one", async () => {
    const room = numbered();
    const id = room.send();
    const forged = [
      forge(id, 14, id[14] === "0" ? "1" : "0"), // of another process
      forge(id, 0, "z"), // of the future
      forge(id, 0, "+"),
      forge(id, 5, " "),
      forge(id, 5, "."),
      id.toUpperCase() === id ? "" : id.toUpperCase(),
      `${id}0`,
      id.slice(1),
      "0".repeat(15),
    ];
    for (const lastId of forged.filter((each) => each !== "")) {
      expect(await resumed(room, lastId), lastId).toBe(gapThen(room, "unknown", "1"));
    }
  });

  it("is known when it is one that will be given, only once it was", async () => {
    const room = numbered();
    room.send();
    const id = autoId();
    room.send();
    expect(await resumed(room, id)).toBe("2");
  });
});

/** A session that two channels replay to at once; a client that is cut at `cutAt` lacks the news behind it. */
async function cutBetweenReplays() {
  const [news, chat] = [numbered(), numbered()];
  const first = news.send();
  news.send();
  const cutAt = chat.send();
  const { session, body } = await openSession(first);
  chat.channel.register(session);
  news.channel.register(session);
  return { news, chat, cutAt, body };
}

describe("what a session is pushed before it has got what it lacks", () => {
  it("does not pass for having got that, when the client is cut there", async () => {
    const room = numbered();
    const first = room.send();
    room.send();
    const { session, body } = await openSession(first);
    session.push("welcome");
    await body();
    // The client got the welcome, but nothing of the channel.
    expect(await resumed(room, session.lastId)).toBe(gapThen(room, "unknown", "1 2"));
  });

  it("nor does what another channel replays, when the client is cut between the two", async () => {
    const { news, chat, cutAt, body } = await cutBetweenReplays();
    await body();
    expect(await resumed(news, cutAt)).toBe(gapThen(news, "unknown", "1 2"));
    expect(await resumed(chat, cutAt)).toBe("");
  });

  it("nor does it when the clock is set forward in between", async () => {
    const { news, cutAt, body } = await cutBetweenReplays();
    const clock = vi.spyOn(Date, "now").mockReturnValue(Date.now() + 3_600_000);
    onTestFinished(() => clock.mockRestore());
    await body();
    expect(await resumed(news, cutAt)).toBe(gapThen(news, "unknown", "1 2"));
  });

  it("is no harm to those who were not cut", async () => {
    const [news, chat] = [numbered(), numbered()];
    const first = news.send();
    const live = chat.send();
    news.send();
    const { session, body } = await openSession(first);
    chat.channel.register(session);
    news.channel.register(session);
    expect(await resumed(news, live)).toBe("2");
    await body();
  });
});

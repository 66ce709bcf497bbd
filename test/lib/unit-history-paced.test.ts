import { describe, expect, it, vi } from "vitest";
import { createChannel, type HistoryOptions, type Session } from "../../lib/index.ts";
import { eventually, nextTurn, turns } from "../e2e/harness.ts";
import { event, gapEvent, openStalled } from "./sessions.ts";

/** Of which a few go into a part of the limit below. */
const filler = "x".repeat(3000);
const slow = { maxBufferedBytes: 40_000 };

/** The last bytes of an event that the channel below sends. */
const end = (number: number) => `"${number} ${filler}"\n\n`;

/** A channel that sends numbered events. */
function counting(history: HistoryOptions = { events: 100 }) {
  const channel = createChannel({ history });
  let count = 0;
  const send = (times: number, options = {}) => {
    for (let time = 0; time < times; time++) {
      const eventId = String(++count);
      channel.broadcast(`${eventId} ${filler}`, "message", { eventId, ...options });
    }
    return channel;
  };
  return { channel, send };
}

/** The numbers of the events, and what gaps say. */
function told(text: string): (number | string)[] {
  const parts = text.split("\n\n").slice(0, -1);
  return parts.map((part) => {
    const [, id] = /^id:(\d+)$/m.exec(part) ?? [];
    return id === undefined ? part.replaceAll("\n", " ") : Number(id);
  });
}

const range = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => from + index);

/** A client that takes nothing yet of the replay that has begun. */
async function stalledReplay(history?: HistoryOptions, options = {}) {
  const { channel, send } = counting(history);
  send(50);
  const client = await openStalled("0", slow);
  channel.register(client.session, { since: null, ...options });
  return { channel, send, client };
}

describe("a replay that is larger than what may wait for its client", () => {
  it("takes a part of that only, and goes on as the client reads", async () => {
    const { client } = await stalledReplay();
    await turns(5);
    expect(client.session.bufferedBytes).toBeGreaterThan(0);
    expect(client.session.bufferedBytes).toBeLessThanOrEqual(slow.maxBufferedBytes / 4);
    expect(told(await client.until(end(50)))).toEqual(range(1, 50));
  });

  it("is followed by what was broadcast meanwhile, in its order", async () => {
    const { channel, send, client } = await stalledReplay();
    const registered = vi.fn();
    channel.on("session-registered", registered);
    await client.read();
    send(5);
    await client.until(end(20));
    send(5);
    expect(channel.sessionCount).toBe(1);
    expect(channel.activeSessions).toEqual([client.session]);
    await client.until(end(60));
    await nextTurn();
    send(1);
    expect(told(await client.until(end(61)))).toEqual(range(1, 61));
    expect(registered).not.toHaveBeenCalled();
    expect(client.session.lastId).toBe("61");
  });

  it("is followed by what listeners broadcast", async () => {
    const { channel, send, client } = await stalledReplay();
    let left = 20;
    channel.on("broadcast", () => left-- > 0 && send(1));
    await client.read();
    send(1);
    expect(told(await client.until(end(71)))).toEqual(range(1, 71));
  });

  it("does not count as having been sent what waits for its turn", async () => {
    const { channel, send, client } = await stalledReplay();
    const before = channel.stats().recipients;
    send(1);
    expect(channel.stats().recipients).toBe(before);
    expect(Number(client.session.lastId)).toBeLessThan(50);
    await client.cancel();
  });

  it("asks the filter once about each event, though it had to wait with it", async () => {
    const { channel, send } = counting();
    const asked: string[] = [];
    const filterOf = (name: string, lets: boolean) => () => {
      asked.push(name);
      return lets;
    };
    for (let pair = 0; pair < 10; pair++) {
      send(1, { filter: filterOf("yes", true) });
      send(1, { filter: filterOf("no", false) });
    }
    send(1);
    const client = await openStalled("0", slow);
    channel.register(client.session, { since: null });
    expect(told(await client.until(end(21)))).toEqual([...range(0, 9).map((n) => 2 * n + 1), 21]);
    expect(asked).toHaveLength(20);
  });

  it("passes events that are larger than the limit, one at a time", async () => {
    const channel = createChannel({ history: { bytes: 1e6 } });
    for (const eventId of ["1", "2", "3"]) {
      channel.broadcast(`${filler.repeat(30)}, ${eventId}`, "message", { eventId });
    }
    const client = await openStalled("0", slow);
    channel.register(client.session, { since: null });
    expect(told(await client.until(', 3"\n\n'))).toEqual([1, 2, 3]);
    await turns(3);
    channel.broadcast("4", "message", { eventId: "4" });
    await client.until(event("4"));
    expect(client.session.isConnected).toBe(true);
  });

  it("counts what small events take beside their bytes", async () => {
    const channel = createChannel({ history: { events: null } });
    for (let id = 1; id <= 2000; id++) channel.broadcast(1, "message", { eventId: String(id) });
    const client = await openStalled("0", { maxBufferedBytes: 10_000 });
    const even = { filter: () => true };
    for (let id = 2001; id <= 2500; id++) {
      channel.broadcast(1, "message", { eventId: String(id), ...even });
    }
    channel.register(client.session, { since: null });
    expect(told(await client.until("id:2500\ndata:1\n\n"))).toEqual(range(1, 2500));
    expect(client.session.isConnected).toBe(true);
  });
});

describe("a replay that is slower than what is broadcast", () => {
  it("tells the client of the gap, and goes on with the oldest event held", async () => {
    const { channel, send, client } = await stalledReplay();
    const gaps: unknown[] = [];
    channel.on("gap", (session, gap) => gaps.push([session === client.session, gap]));
    await client.until(end(3));
    await turns(3);
    const got = Number(client.session.lastId);
    send(200);
    const numbers = told(await client.until(end(250)));
    expect(numbers).toEqual([
      ...range(1, got),
      gapEvent("evicted", "151").trim().replaceAll("\n", " "),
      ...range(151, 250),
    ]);
    expect(gaps).toEqual([[true, { reason: "evicted", oldest: "151", since: String(got) }]]);
  });

  it("goes on with what is live where that is asked for", async () => {
    const { send, client } = await stalledReplay(undefined, { onGap: "none" });
    await client.until(end(3));
    await turns(3);
    const got = Number(client.session.lastId);
    send(200);
    await client.until("event:gap");
    await turns(3);
    send(1);
    expect(told(await client.until(end(251)))).toEqual([
      ...range(1, got),
      gapEvent("evicted", "151").trim().replaceAll("\n", " "),
      251,
    ]);
  });

  it("is told so when nothing is held any more", async () => {
    const { channel, client } = await stalledReplay({ bytes: 200_000 });
    await client.until(end(3));
    // Larger than all that may be held.
    channel.broadcast("x".repeat(300_000));
    expect(channel.stats().history).toEqual({ events: 0, bytes: 0 });
    expect(told(await client.until('"oldest":null}\n\n')).at(-1)).toBe(
      gapEvent("evicted", null).trim().replaceAll("\n", " "),
    );
  });
});

describe("a replay that is not through", () => {
  it("ends when the session is deregistered, and goes on where it was when it comes back", async () => {
    const { channel, send, client } = await stalledReplay();
    await client.until(end(3));
    channel.deregister(client.session);
    expect(channel.sessionCount).toBe(0);
    send(1);
    await client.until(`"${client.session.lastId} `);
    await turns(3);
    const got = Number(client.session.lastId);
    expect(client.session.bufferedBytes).toBe(0);
    client.session.push("alone");
    channel.register(client.session);
    const text = await client.until(end(51));
    expect(told(text.replace(/id:.+\ndata:"alone"\n\n/, ""))).toEqual(range(1, 51));
    expect(got).toBeLessThan(50);
  });

  it("ends with its session", async () => {
    const { channel, send, client } = await stalledReplay();
    const log: string[] = [];
    channel.on("session-disconnected", () => log.push(`disconnected ${channel.sessionCount}`));
    channel.on("session-deregistered", () => log.push(`deregistered ${channel.sessionCount}`));
    await client.cancel();
    await eventually(() => channel.sessionCount === 0, "end of the session");
    expect(log).toEqual(["disconnected 1", "deregistered 0"]);
    send(1);
    await turns(3);
    expect(client.session.isConnected).toBe(false);
  });

  it("is cut by the end of its session, which sends what it was given before", async () => {
    const { client } = await stalledReplay();
    const { lastId } = client.session;
    void client.session.close();
    expect(told(await client.until("never"))).toEqual(range(1, Number(lastId)));
  });

  it("is cut by close(): the farewell comes, nothing after it, and the id says where to go on", async () => {
    const { channel, send, client } = await stalledReplay();
    await client.until(end(3));
    const { lastId } = client.session;
    channel.once("broadcast", () => send(1));
    const closed = channel.close({ data: "bye", retry: 5 });
    const parts = told(await client.until("never"));
    expect(parts).toEqual([...range(1, Number(lastId)), "retry:5", 'data:"bye"']);
    await closed;
    expect(channel.sessionCount).toBe(0);
    const back = await openStalled(lastId, slow);
    channel.register(back.session);
    expect(told(await back.until(end(51)))).toEqual(range(Number(lastId) + 1, 51));
  });

  it("leaves nothing behind after 1000 of them", async () => {
    const { channel, send } = counting();
    send(50);
    const client = await openStalled("0", slow);
    const listeners = (session: Session) =>
      session.eventNames().map((name) => [name, session.listenerCount(name)]);
    const before = listeners(client.session);
    for (let cycle = 0; cycle < 1000; cycle++) {
      channel.register(client.session, { since: "49" });
      channel.deregister(client.session);
      if (cycle % 20 === 0) await client.until(end(50));
    }
    expect(channel.sessionCount).toBe(0);
    expect(listeners(client.session)).toEqual(before);
    await client.cancel();
  });
});

import { describe, expect, it, vi } from "vitest";
import { type ChannelOptions, createChannel, type Session } from "../../lib/index.ts";
import { errorOf } from "../e2e/harness.ts";
import { event, gapEvent, openSession } from "./sessions.ts";

/** A channel that has sent events with these ids. */
function sent(ids: string[], options: ChannelOptions = { history: true }) {
  const channel = createChannel(options);
  for (const eventId of ids) channel.broadcast(eventId, "message", { eventId });
  return channel;
}

describe("a session that is registered with a channel that has a history", () => {
  it("gets what came after the event that its client got last, then what is live", async () => {
    const channel = sent(["1", "2", "3"]);
    const { session, body } = await openSession("1");
    channel.register(session);
    expect(session.lastId).toBe("3");
    channel.broadcast("4", "message", { eventId: "4" });
    expect(session.lastId).toBe("4");
    expect(await body()).toBe(event("2") + event("3") + event("4"));
  });

  it("gets what is live only, where its client got nothing yet, or has got all", async () => {
    for (const lastId of ["", "1"]) {
      const channel = sent(["1"]);
      const { session, body } = await openSession(lastId);
      channel.register(session);
      expect(session.lastId).toBe(lastId);
      channel.broadcast("2", "message", { eventId: "2" });
      expect(await body()).toBe(event("2"));
    }
  });

  it("gets names as they were, and what broadcast() was given by listeners meanwhile", async () => {
    const channel = createChannel({ history: true });
    channel.broadcast({ a: 1 }, "tick", { eventId: "1" });
    channel.once("session-registered", () => channel.broadcast("new", "seen", { eventId: "2" }));
    const { session, body } = await openSession();
    channel.register(session, { since: null });
    expect(await body()).toBe('event:tick\nid:1\ndata:{"a":1}\n\nevent:seen\nid:2\ndata:"new"\n\n');
  });

  it("begins where it is told to", async () => {
    const channel = sent(["1", "2", "3"]);
    const since = async (given: string | null) => {
      const { session, body } = await openSession("1");
      channel.register(session, { since: given });
      return body();
    };
    expect(await since("2")).toBe(event("3"));
    expect(await since(null)).toBe(event("1") + event("2") + event("3"));
    expect(await since("")).toBe("");
  });

  it("stays where it is when it is registered again", async () => {
    const channel = sent(["1", "2"]);
    const { session, body } = await openSession("1");
    channel.register(session).register(session, { since: null });
    expect(channel.sessionCount).toBe(1);
    expect(await body()).toBe(event("2"));
  });

  it("goes on where it left, though it got other events in between", async () => {
    const channel = sent(["1"]);
    const { session, body } = await openSession();
    channel.register(session).broadcast("2", "message", { eventId: "2" }).deregister(session);
    channel.broadcast("3", "message", { eventId: "3" });
    session.push("own", "message", "own");
    channel.register(session).broadcast("4", "message", { eventId: "4" });
    expect(await body()).toBe(event("2") + event("own") + event("3") + event("4"));
  });

  it("is told of a gap where it left events that are no longer held", async () => {
    const channel = sent(["1"], { history: { events: 2 } });
    const { session, body } = await openSession();
    channel.register(session).deregister(session);
    for (const eventId of ["2", "3", "4"]) channel.broadcast(eventId, "message", { eventId });
    channel.register(session);
    expect(await body()).toBe(gapEvent("evicted", "3") + event("3") + event("4"));
  });

  it("gets what came after the client's id, not after what it was pushed since", async () => {
    const channel = sent(["1", "2"]);
    for (const id of [undefined, "welcome"]) {
      const { session, body } = await openSession("1");
      session.push("hello", "hello", id);
      channel.register(session);
      expect(await body()).toMatch(/^event:hello\nid:.+\ndata:"hello"\n\nid:2\ndata:"2"\n\n$/);
    }
  });

  it("goes on after events of the channel that the application has pushed itself", async () => {
    const channel = sent(["3", "4"]);
    const { session, body } = await openSession("1");
    session.push("2", "message", "2").push("3", "message", "3");
    channel.register(session);
    expect(await body()).toBe(event("2") + event("3") + event("4"));
  });

  it("needs no gap for what it was pushed before its client got anything", async () => {
    const channel = sent(["1"]);
    const { session, body } = await openSession();
    session.push("hello", "message", "welcome");
    channel.register(session).broadcast("2", "message", { eventId: "2" });
    expect(await body()).toBe(event("welcome", "hello") + event("2"));
  });

  it("is not heard by `push` for what is replayed, whose data is not kept", async () => {
    const channel = sent(["1", "2"]);
    const { session, body } = await openSession("1");
    const heard: unknown[] = [];
    session.on("push", (data, name, id) => heard.push([data, name, id]));
    channel.register(session).broadcast("3", "message", { eventId: "3" });
    expect(heard).toEqual([["3", "message", "3"]]);
    await body();
  });

  it("gets what the channel's serializer made, whatever its own", async () => {
    const channel = sent(["1"], { history: true, serializer: (data) => `<${data}>` });
    const plain = sent(["1"]);
    for (const [from, text] of [
      [channel, "<1>"],
      [plain, '"1"'],
    ] as const) {
      const { session, body } = await openSession("", { serializer: () => "never" });
      from.register(session, { since: null }).broadcast("1", "message", { eventId: "2" });
      expect(await body()).toBe(`id:1\ndata:${text}\n\nid:2\ndata:${text}\n\n`);
    }
  });

  it.each([
    ["1024 characters", "x".repeat(1024)],
    ["what is no Latin-1", "é 🎉 漢字"],
    ["what looks like a field", "data: x"],
  ])("can have ids of %s", async (_name, id) => {
    const channel = sent(["0", id, "2"]);
    // As a browser sends it: the bytes of UTF-8.
    const { session, body } = await openSession(Buffer.from(id, "utf8").toString("latin1"));
    channel.register(session);
    expect(await body()).toBe(event("2"));
  });
});

describe("a gap", () => {
  it("is told to the client and the channel, where the id is unknown; then comes all that is held", async () => {
    const channel = sent(["1", "2"]);
    const { session, body } = await openSession("0");
    const gaps: unknown[] = [];
    channel.on("gap", (who, gap) => gaps.push([who === session, gap]));
    channel.register(session);
    expect(gaps).toEqual([[true, { reason: "unknown", oldest: "1", since: "0" }]]);
    channel.broadcast("3", "message", { eventId: "3" });
    expect(await body()).toBe(gapEvent("unknown", "1") + event("1") + event("2") + event("3"));
  });

  it("is followed by nothing of what is held where that is asked for", async () => {
    const channel = sent(["1"]);
    const { session, body } = await openSession("0");
    channel.register(session, { onGap: "none" }).broadcast("2", "message", { eventId: "2" });
    expect(await body()).toBe(gapEvent("unknown", "1") + event("2"));
  });

  it("says so where nothing is held", async () => {
    const { session, body } = await openSession("0");
    createChannel({ history: true }).register(session);
    expect(await body()).toBe(gapEvent("unknown", null));
  });

  it.each(["x".repeat(1024), "é 🎉", "../../etc", "data: x\u2028"])(
    "is all that a forged id gets: %s",
    async (id) => {
      const { session, body } = await openSession(Buffer.from(id, "utf8").toString("latin1"));
      sent(["1"]).register(session);
      expect(await body()).toBe(gapEvent("unknown", "1") + event("1"));
    },
  );

  it("does not come where the client's id cannot be one of ours, which counts as none", async () => {
    const { session, body } = await openSession("x".repeat(1025));
    sent(["1"]).register(session);
    expect(await body()).toBe("");
  });

  it("does not come to a client that is not believed, nor does what it says it lacks", async () => {
    const { session, body } = await openSession("0", { trustClientEventId: false });
    sent(["1"]).register(session);
    expect(await body()).toBe("");
  });

  it("survives a listener that deregisters, broadcasts or throws", async () => {
    const warnings = vi.spyOn(process, "emitWarning").mockReturnValue();
    const channel = sent(["1"]);
    channel.on("gap", () => channel.broadcast("2", "message", { eventId: "2" }));
    channel.on("gap", (session) => channel.deregister(session));
    channel.on("gap", () => {
      throw new Error("listener");
    });
    const { session, body } = await openSession("0");
    channel.register(session);
    expect(channel.sessionCount).toBe(0);
    expect(warnings.mock.calls.map(([text]) => text)).toEqual([
      expect.stringMatching(/"gap" threw: listener/),
    ]);
    warnings.mockRestore();
    expect(await body()).toBe(gapEvent("unknown", "1"));
  });
});

describe("a broadcast with a filter", () => {
  const mine = (id: string) => ({
    eventId: id,
    filter: (session: Session) => session.state.me === true,
  });

  it("is replayed to those only whom the filter lets have it", async () => {
    const channel = sent(["1"]);
    channel.broadcast("2", "message", mine("2")).broadcast("3", "message", { eventId: "3" });
    channel.broadcast("4", "message", mine("4"));
    const other = await openSession("1");
    const me = await openSession("1", { state: { me: true } });
    channel.register(other.session).register(me.session);
    expect(await other.body()).toBe(event("3"));
    expect(await me.body()).toBe(event("2") + event("3") + event("4"));
  });

  it("tells nobody else its id in a gap", async () => {
    const channel = createChannel({ history: true }).broadcast("1", "message", mine("1"));
    const nothing = await openSession("0");
    channel.register(nothing.session);
    expect(await nothing.body()).toBe(gapEvent("unknown", null));
    channel.broadcast("2", "message", { eventId: "2" });
    const other = await openSession("0");
    channel.register(other.session);
    expect(await other.body()).toBe(gapEvent("unknown", "2") + event("2"));
  });

  it("is not replayed where the filter throws, which is reported", async () => {
    const warnings = vi.spyOn(process, "emitWarning").mockReturnValue();
    const channel = sent(["1"]);
    const filter = () => {
      throw new Error("no");
    };
    channel.broadcast("2", "message", { eventId: "2", filter });
    channel.broadcast("3", "message", { eventId: "3" });
    const { session, body } = await openSession("1");
    channel.register(session);
    expect(await body()).toBe(event("3"));
    expect(warnings.mock.calls.map(([text]) => text)).toEqual([
      "stream-llm: a filter threw at a replay: no",
    ]);
    warnings.mockRestore();
  });

  it("may do anything to the replay that asks it", async () => {
    const channel = sent(["1"], { history: { events: 3 } });
    const { session, body } = await openSession("1");
    let asked = 0;
    const filter = () => {
      asked += 1;
      for (const eventId of ["3", "4", "5"]) channel.broadcast(eventId, "message", { eventId });
      return true;
    };
    channel.broadcast("2", "message", { eventId: "2", filter });
    channel.register(session);
    expect(asked).toBe(1);
    expect(await body()).toBe(gapEvent("evicted", "3") + event("3") + event("4") + event("5"));

    const leaving = await openSession("5");
    const leave = (who: Session) => Boolean(channel.deregister(who));
    channel.broadcast("6", "message", { eventId: "6", filter: leave });
    channel.register(leaving.session);
    expect(channel.sessionCount).toBe(0);
    expect(await leaving.body()).toBe("");
  });
});

describe("what is kept", () => {
  it("is bounded by number, bytes and age, and counted by stats()", async () => {
    const events = sent(["1", "2", "3"], { history: { events: 2 } });
    expect(events.stats().history?.events).toBe(2);
    const one = 'id:1\ndata:"1"\n\n'.length + 1 + 192;
    expect(events.stats().history?.bytes).toBe(2 * one);
    const bytes = sent(["1", "2", "3"], { history: { events: null, bytes: 2 * one + 1 } });
    expect(bytes.stats().history).toEqual({ events: 2, bytes: 2 * one });
    const aged = sent(["1", "2"], { history: { ms: 1 } });
    await vi.waitUntil(() => aged.stats().history?.events === 0);
    expect(sent(["1"]).stats()).toEqual({
      ...{ sessions: 0, broadcasts: 1, recipients: 0 },
      history: { events: 1, bytes: one },
    });
    expect(createChannel().stats()).not.toHaveProperty("history");
  });

  it("does not include the farewell of close(), which has no id, and survives it", async () => {
    const channel = sent(["1"]);
    const first = await openSession();
    channel.register(first.session);
    await channel.close({ data: "bye", retry: null });
    expect(await first.body()).toBe('data:"bye"\n\n');
    const second = await openSession();
    channel.register(second.session, { since: null });
    expect(await second.body()).toBe(event("1"));
  });

  it("does not include what could not be sent", async () => {
    const channel = createChannel({ history: true });
    expect(() => channel.broadcast(undefined)).toThrow(TypeError);
    expect(() => channel.broadcast(1n)).toThrow(TypeError);
    expect(channel.stats().history?.events).toBe(0);
  });

  it.each([
    ["one that is held", "1", /is that of another event/],
    ["an empty one", "", /1 to 1024 characters/],
    ["one that is too long", "x".repeat(1025), /1 to 1024 characters/],
    ["one with a line end", "a\nb", /1 to 1024 characters/],
    ["one with NUL", "a\0b", /1 to 1024 characters/],
    ["one with a space at its end", "a ", /1 to 1024 characters/],
    ["one with a space at its start", " a", /1 to 1024 characters/],
  ])("has no id that clients cannot resume from: not %s", async (_name, eventId, message) => {
    const channel = sent(["1"]);
    const { session, body } = await openSession();
    channel.register(session);
    const error = await errorOf(() => channel.broadcast("x", "message", { eventId }));
    expect(error).toMatchObject({
      code: "invalid-argument",
      message: expect.stringMatching(message),
    });
    expect(channel.stats()).toMatchObject({ broadcasts: 1, history: { events: 1 } });
    expect(await body()).toBe("");
  });

  it("may have an id again that is no longer held", () => {
    const channel = sent(["1", "2"], { history: { events: 1 } });
    expect(() => channel.broadcast("1", "message", { eventId: "1" })).not.toThrow();
  });
});

describe("the options of a history", () => {
  it.each([
    [{ history: 5 }, /history is 5; it must be an object/],
    [{ history: [] }, /history is an object \(Array\); it must be/],
    [{ history: { events: 0 } }, /history\.events is 0; it must be a whole number, 1 or more/],
    [{ history: { bytes: null } }, /history\.bytes is null; it must be/],
    [{ history: { bytes: 1.5 } }, /history\.bytes is 1\.5/],
    [{ history: { ms: 0 } }, /history\.ms is 0; it must be a number of ms/],
    [{ history: { ms: Number.POSITIVE_INFINITY } }, /history\.ms is Infinity/],
    [{ history: true, eventId: null }, /eventId is null; it must be "auto" with a history/],
  ])("are checked: %j", async (options, message) => {
    const error = await errorOf(() => createChannel(options as never));
    expect(error).toMatchObject({
      code: "invalid-option",
      message: expect.stringMatching(message),
    });
  });

  it("may be left out, or say none", () => {
    for (const history of [undefined, null, false]) {
      expect(createChannel({ history: history as never }).stats()).not.toHaveProperty("history");
    }
    for (const history of [true, {}, { events: null, ms: null }]) {
      expect(createChannel({ history }).stats()).toHaveProperty("history");
    }
  });

  it("of register() are checked, and need a history", async () => {
    const { session, body } = await openSession();
    const channel = createChannel({ history: true });
    const codeOf = async (options: unknown, from = channel) => {
      return (await errorOf(() => from.register(session, options as never))).code;
    };
    expect(await codeOf({ since: 5 })).toBe("invalid-argument");
    expect(await codeOf("5")).toBe("invalid-argument");
    expect(await codeOf({ onGap: "some" })).toBe("invalid-option");
    expect(await codeOf({ since: "1" }, createChannel())).toBe("invalid-argument");
    expect(await codeOf({ onGap: "all" }, createChannel())).toBe("invalid-argument");
    expect(channel.sessionCount).toBe(0);
    await body();
  });
});

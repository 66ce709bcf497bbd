import { describe, expect, it } from "vitest";
import {
  createChannel,
  createResponse,
  type Session,
  type SessionOptions,
} from "../../lib/index.ts";

/** A connected session over Fetch, and what its body holds once it has ended. */
async function open(options: SessionOptions = {}) {
  const made: { response?: Response } = {};
  const connected = new Promise<Session>((resolve) => {
    const all = { retry: null, keepAlive: null, ...options };
    made.response = createResponse(new Request("http://localhost/"), all, resolve);
  });
  const text = (made.response as Response).text();
  const session = await connected;
  const body = async () => {
    await session.close();
    return text;
  };
  return { session, body };
}

const opened = (...options: SessionOptions[]) => Promise.all(options.map((each) => open(each)));

describe("a broadcast", () => {
  it("gives all sessions the same id, in order with what each is pushed alone", async () => {
    const [one, two] = (await opened({}, {})) as [
      Awaited<ReturnType<typeof open>>,
      Awaited<ReturnType<typeof open>>,
    ];
    const channel = createChannel().register(one.session).register(two.session);
    one.session.push(1, "message", "a");
    channel.broadcast(2, "tick", { eventId: "b" });
    one.session.push(3, "message", "c");
    expect(await one.body()).toBe("id:a\ndata:1\n\nevent:tick\nid:b\ndata:2\n\nid:c\ndata:3\n\n");
    expect(await two.body()).toBe("event:tick\nid:b\ndata:2\n\n");
  });

  it("uses each session's own serializer, unless the channel has one", async () => {
    const special = { serializer: (data: unknown) => `<${data}>` };
    const [plain, own] = (await opened({}, special)) as [
      Awaited<ReturnType<typeof open>>,
      Awaited<ReturnType<typeof open>>,
    ];
    const id = { eventId: "1" };
    createChannel().register(plain.session).register(own.session).broadcast("x", "message", id);
    const shouting = createChannel({ serializer: (data) => String(data).toUpperCase() });
    shouting.register(plain.session).register(own.session).broadcast("y", "message", id);
    expect(await plain.body()).toBe('id:1\ndata:"x"\n\nid:1\ndata:Y\n\n');
    expect(await own.body()).toBe("id:1\ndata:<x>\n\nid:1\ndata:Y\n\n");
  });

  it("serializes once, however many sessions there are", async () => {
    let calls = 0;
    const channel = createChannel({ serializer: () => String(++calls) });
    for (const { session } of await opened({}, {}, {})) channel.register(session);
    channel.broadcast("x").broadcast("y", "message", { filter: () => true });
    expect(calls).toBe(2);
    for (const session of channel.activeSessions) await session.close();
  });

  it("has no id, and says so, when the channel makes none", async () => {
    const { session, body } = await open();
    const ids: string[] = [];
    const channel = createChannel({ eventId: null }).register(session);
    channel.on("broadcast", (_data, _name, id) => ids.push(id));
    session.push(0, "message", "last");
    channel.broadcast(1);
    expect(session.lastId).toBe("last");
    expect(ids).toEqual([""]);
    expect(await body()).toBe("id:last\ndata:0\n\ndata:1\n\n");
  });

  it("refuses what cannot be sent though nobody is there yet", () => {
    expect(() => createChannel().broadcast(undefined)).toThrow(TypeError);
    expect(() => createChannel({ serializer: String }).broadcast(undefined)).not.toThrow();
  });

  it("asks the filter about each session once, in the order registered", async () => {
    const all = await opened({}, {}, {});
    const channel = createChannel();
    for (const { session } of [...all].reverse()) channel.register(session);
    const asked: Session[] = [];
    channel.broadcast(1, "message", { filter: (session) => asked.push(session) === 2 });
    expect(asked).toEqual(all.map(({ session }) => session).reverse());
    const bodies = await Promise.all(all.map(({ body }) => body()));
    expect(bodies.map((body) => body !== "")).toEqual([false, true, false]);
  });

  it("survives a filter that deregisters", async () => {
    const all = await opened({}, {});
    const channel = createChannel();
    for (const { session } of all) channel.register(session);
    const filter = (session: Session) => Boolean(channel.deregister(session));
    channel.broadcast(1, "message", { filter });
    expect(channel.sessionCount).toBe(0);
    for (const { body } of all) await body();
  });
});

describe("a session's lastId", () => {
  it("is that of the last event by whichever way", async () => {
    const [one, two] = (await opened({}, {})).map(({ session }) => session) as [Session, Session];
    const first = createChannel().register(one).register(two);
    const second = createChannel().register(one);
    const send = (channel: typeof first, eventId: string) =>
      channel.broadcast(0, "message", { eventId });
    send(first, "f1");
    expect([one.lastId, two.lastId]).toEqual(["f1", "f1"]);
    one.push(0, "message", "own");
    expect([one.lastId, two.lastId]).toEqual(["own", "f1"]);
    send(second, "s1");
    send(first, "f2");
    expect([one.lastId, two.lastId]).toEqual(["f2", "f2"]);
    first.broadcast(0, "message", { eventId: "f3", filter: (session) => session === two });
    expect([one.lastId, two.lastId]).toEqual(["f2", "f3"]);
    await one.close();
    await two.close();
    expect([one.lastId, two.lastId]).toEqual(["f2", "f3"]);
  });

  it("does not count what was broadcast before it was registered, or after it no longer was", async () => {
    const { session } = await open();
    const channel = createChannel();
    const send = (eventId: string) => channel.broadcast(0, "message", { eventId });
    send("before");
    session.push(0, "message", "own");
    channel.register(session);
    expect(session.lastId).toBe("own");
    send("during");
    channel.deregister(session);
    send("after");
    expect(session.lastId).toBe("during");
    channel.register(session);
    expect(session.lastId).toBe("during");
    await session.close();
  });

  it("stays where it was when its own serializer threw at a broadcast", async () => {
    const serializer = (data: unknown) => {
      if (data === "bad") throw new Error("bad");
      return String(data);
    };
    const { session } = await open({ serializer });
    const channel = createChannel().register(session);
    channel.broadcast("good", "message", { eventId: "1" });
    expect(() => channel.broadcast("bad", "message", { eventId: "2" })).toThrow("bad");
    expect(session.lastId).toBe("1");
    await session.close();
  });
});

describe("listeners for push", () => {
  it("hear broadcasts, whenever they came, and only those of their session", async () => {
    const [one, two] = (await opened({}, {})).map(({ session }) => session) as [Session, Session];
    const channel = createChannel();
    const heard: unknown[] = [];
    one.on("push", (data) => heard.push(["one", data]));
    channel.register(one).register(two);
    two.once("push", (data) => heard.push(["two", data]));
    channel.broadcast("a").broadcast("b");
    one.removeAllListeners();
    channel.broadcast("c");
    expect(heard).toEqual([
      ["one", "a"],
      ["two", "a"],
      ["one", "b"],
    ]);
    await one.close();
    await two.close();
  });
});

describe("registering", () => {
  it("is for connected sessions", async () => {
    const channel = createChannel();
    expect(() => channel.register({} as never)).toThrow(/a Session must be given/);
    const { session } = await open();
    await session.close();
    expect(() => channel.register(session)).toThrow(/not connected/);
    expect(channel.deregister(session).activeSessions).toEqual([]);
  });

  it("is told by events, in order with the session's end", async () => {
    const { session } = await open();
    const log: unknown[] = [];
    const channel = createChannel();
    channel.on("session-registered", () => log.push("registered"));
    channel.on("session-deregistered", (left) => log.push(["deregistered", left === session]));
    channel.on("session-disconnected", () => log.push(["disconnected", channel.sessionCount]));
    session.on("disconnected", () => log.push(["session", channel.sessionCount]));
    channel.register(session).deregister(session).register(session);
    await session.close();
    expect(log).toEqual([
      "registered",
      ["deregistered", true],
      "registered",
      ["disconnected", 1],
      ["deregistered", true],
      ["session", 0],
    ]);
  });
});

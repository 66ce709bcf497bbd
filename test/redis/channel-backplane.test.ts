import { connect, createServer } from "node:net";
import { describe, expect, it } from "vitest";
import { type Channel, createChannel, type Session } from "../../lib/index.ts";
import { errorOf, eventually, listen, type OpenStream } from "../e2e/harness.ts";
import { openSession } from "../lib/sessions.ts";
import { openProcess } from "./backplane-kit.ts";
import { AppServer, dataOf, startApp } from "./channel-kit.ts";
import { RedisServer, redisClient, startRedis } from "./redis-server.ts";

const gapOf = (reason: string) => `gap ${JSON.stringify({ reason, oldest: null })}`;
const numbers = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, at) => from + at);

/** Waits until so many sessions are counted. */
async function counted({ channel }: AppServer, wanted: object) {
  for (let look = 0; look < 1000; look++) {
    const found = await channel.presence();
    if (JSON.stringify(found) === JSON.stringify(wanted)) return;
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  expect(await channel.presence()).toEqual(wanted);
}

it("what is broadcast on one server reaches the clients of all, with one id and order", async () => {
  const redis = await startRedis();
  const apps = [await startApp(redis), await startApp(redis), await startApp(redis)];
  const opened = await Promise.all(apps.flatMap((app) => [app.open(), app.open()]));
  for (let round = 0; round < 50; round++) {
    for (const [at, { channel }] of apps.entries()) channel.broadcast([at, round], "tick");
    if (round % 10 === 0) await new Promise(setImmediate);
  }
  const all = await Promise.all(opened.map(({ events }) => events.take(150, "event")));
  for (const events of all) expect(events).toEqual(all[0]);
  expect(new Set(all[0]?.map(({ id }) => id)).size).toBe(150);
  for (const at of [0, 1, 2]) {
    const own = all[0]?.map(({ data }) => JSON.parse(data)).filter(([from]) => from === at);
    expect(own).toEqual(numbers(0, 50).map((round) => [at, round]));
  }
  const ids = (await redisClient(redis).xrange("stream-llm:log:news", "-", "+")).map(([id]) => id);
  expect(all[0]?.map(({ id }) => id)).toEqual(ids);
  expect(apps[0]?.channel.stats()).toMatchObject({
    broadcasts: 150,
    recipients: 300,
    backplane: { isConnected: true, queued: 0, foreign: 0, gaps: 0 },
  });
});

describe("a client that comes back", () => {
  it("to another server gets what it missed, then what is live", async () => {
    const redis = await startRedis();
    const [one, two] = [await startApp(redis), await startApp(redis)];
    const opened = await one.open();
    for (const number of numbers(0, 5)) one.channel.broadcast(number);
    const last = (await opened.events.take(5)).at(-1)?.id;
    opened.close();
    for (const number of numbers(5, 10)) one.channel.broadcast(number);
    await eventually(() => two.channel.stats().broadcasts === 10, "events on the other server");
    const again = await two.open(last);
    two.channel.broadcast(10);
    expect(dataOf(await again.events.take(6))).toEqual(numbers(5, 11));
  });

  it("to a server that has just started is replayed to from Redis, while others broadcast", async () => {
    const redis = await startRedis();
    const one = await startApp(redis);
    const opened = await one.open();
    one.channel.broadcast(0);
    const last = (await opened.events.next()).id;
    for (const number of numbers(1, 1000)) one.channel.broadcast(number);
    await one.channel.published();
    const two = await startApp(redis);
    const returning: OpenStream[] = [];
    for (let number = 1000; number < 1200; number++) {
      one.channel.broadcast(number);
      if (number % 20 === 0) returning.push(await two.open(last));
      await new Promise(setImmediate);
    }
    for (const { events } of returning) {
      expect(dataOf(await events.take(1199))).toEqual(numbers(1, 1200));
    }
    two.channel.broadcast("end");
    for (const { events } of returning) expect(dataOf([await events.next()])).toEqual(["end"]);
  });

  it("with more missed than its ring holds gets the rest from Redis, and ends up live", async () => {
    const redis = await startRedis();
    const app = await startApp(redis, { history: { events: 10 } });
    const opened = await app.open();
    app.channel.broadcast(0);
    const last = (await opened.events.next()).id;
    opened.close();
    for (const number of numbers(1, 700)) app.channel.broadcast(number);
    await eventually(() => app.channel.stats().broadcasts === 700, "700 events");
    const again = await app.open(last);
    for (const number of numbers(700, 720)) app.channel.broadcast(number);
    expect(dataOf(await again.events.take(719))).toEqual(numbers(1, 720));
    expect(app.channel.stats().history?.events).toBe(10);
  });

  it("with an id that was trimmed, forged or of another channel is told of the gap", async () => {
    const redis = await startRedis({ settings: { "stream-node-max-entries": "10" } });
    const process = openProcess(redis, { maxLength: 50 });
    const app = await new AppServer(redis, { history: { events: 5 } }, process).start();
    const opened = await app.open();
    app.channel.broadcast(0);
    const trimmed = (await opened.events.next()).id;
    for (const number of numbers(1, 200)) {
      app.channel.broadcast(number);
      await app.channel.published();
    }
    await eventually(() => app.channel.stats().broadcasts === 200, "200 events");
    const other = createChannel({ name: "other", backplane: process.backplane });
    const { session, body } = await openSession();
    other.register(session).broadcast("x");
    await eventually(() => other.stats().broadcasts === 1, "event of the other channel");
    const foreign = /^id:(\S+)$/m.exec(await body())?.[1];
    const kept = (await redisClient(redis).xrange("stream-llm:log:news", "-", "+")).map(
      ([id]) => id,
    );
    const held = numbers(200 - kept.length, 200);
    const gaps: unknown[] = [];
    app.channel.on("gap", (_, gap) => gaps.push(gap));
    for (const [id, reason] of [
      [trimmed, "evicted"],
      [foreign, "unknown"],
      ["99999999999999-0", "unknown"],
      ["no id", "unknown"],
    ] as const) {
      const { events } = await app.open(id);
      const gap = { reason, oldest: kept[0] };
      expect(await events.next()).toEqual({
        event: "gap",
        id: undefined,
        data: JSON.stringify(gap),
      });
      expect(dataOf(await events.take(held.length))).toEqual(held);
      expect(gaps.pop()).toEqual({ ...gap, since: id });
    }
  });

  it.each(["that nothing was broadcast to", "whose events are all too old"])(
    "to a channel %s is told of the gap once, and gets what comes",
    async (kind) => {
      const redis = await startRedis();
      const app = await startApp(redis);
      if (kind.includes("old")) {
        app.channel.broadcast("old");
        await eventually(() => app.channel.stats().broadcasts === 1, "event");
        await redisClient(redis).xtrim("stream-llm:log:news", "MAXLEN", 0);
      }
      const { events } = await app.open("1-1");
      expect(dataOf([await events.next()])).toEqual([
        gapOf(kind.includes("old") ? "evicted" : "unknown"),
      ]);
      // As long as it takes to be told once more.
      const { channel } = await startApp(redis);
      await channel.presence();
      for (const number of numbers(0, 3)) app.channel.broadcast(number);
      expect(dataOf(await events.take(3))).toEqual(numbers(0, 3));
    },
  );

  it("with an id of another channel of the same moment is told of the gap", async () => {
    const redis = await startRedis();
    const process = openProcess(redis);
    const [one, two] = ["one", "two"].map((name) =>
      createChannel({ name, backplane: process.backplane }),
    ) as [Channel, Channel];
    const { session, body } = await openSession();
    for (const channel of [one, two]) channel.register(session);
    for (const number of numbers(0, 200))
      for (const channel of [one, two]) channel.broadcast(number);
    await eventually(() => one.stats().broadcasts + two.stats().broadcasts === 400, "events");
    const ids = Array.from((await body()).matchAll(/^id:(\S+)$/gm), ([, id]) => id as string);
    expect(new Set(ids).size).toBe(400);
    const last = await redisClient(redis).xrevrange("stream-llm:log:one", "+", "-", "COUNT", 1);
    const again = await openSession(last[0]?.[0]);
    const gaps: Channel[] = [];
    for (const channel of [one, two]) {
      channel.on("gap", () => gaps.push(channel));
      channel.register(again.session);
    }
    await eventually(() => again.session.lastId !== last[0]?.[0], "replay");
    expect(gaps).toEqual([two]);
  });

  it("while Redis is away waits for what it missed, and gets it when Redis is back", async () => {
    const redis = await startRedis({ appendonly: true });
    const app = await startApp(redis, { history: { events: 2 } });
    const opened = await app.open();
    for (const number of numbers(0, 20)) app.channel.broadcast(number);
    const [first] = await opened.events.take(20);
    await redis.kill();
    const again = await app.open(first?.id);
    app.channel.broadcast(20);
    await redis.restart();
    expect(dataOf(await again.events.take(20))).toEqual(numbers(1, 21));
    expect(dataOf([await opened.events.next()])).toEqual([20]);
  });
});

it("all clients are told when Redis has lost what they did not get, between before and after", async () => {
  const redis = await startRedis();
  const app = await startApp(redis);
  const opened = await app.open();
  app.channel.broadcast("before");
  const before = await opened.events.next();
  const gaps: [Session, unknown][] = [];
  app.channel.on("gap", (session, gap) => gaps.push([session, gap]));
  await redisClient(redis).flushall();
  app.channel.broadcast("after");
  const [gap, after] = await opened.events.take(2);
  const details = { reason: "evicted", oldest: after?.id };
  expect(gap).toEqual({ event: "gap", id: undefined, data: JSON.stringify(details) });
  expect(after?.data).toBe('"after"');
  expect(gaps).toEqual([[app.channel.activeSessions[0], { ...details, since: before.id }]]);
  expect(app.channel.stats().backplane?.gaps).toBe(1);
  // The ring does not bridge the hole for one that comes back.
  const again = await app.open(before.id);
  expect(await again.events.take(2)).toMatchObject([{ event: "gap" }, { data: '"after"' }]);
});

it("who was away when Redis lost events is told, though its last event was of the session's own", async () => {
  const redis = await startRedis();
  const app = await startApp(redis);
  const opened = await app.open();
  app.channel.broadcast("before");
  await opened.events.next();
  app.channel.activeSessions[0]?.push("its own");
  const own = await opened.events.next();
  opened.close();
  await eventually(() => app.channel.sessionCount === 0, "end of the session");
  await redisClient(redis).flushall();
  app.channel.broadcast("after");
  await eventually(() => app.channel.stats().broadcasts === 2, "event after the gap");
  const again = await app.open(own.id);
  expect(await again.events.take(2)).toMatchObject([{ event: "gap" }, { data: '"after"' }]);
});

it("local sessions live on while Redis is away, and what was broadcast meanwhile comes after", async () => {
  const redis = await startRedis({ appendonly: true });
  const [one, two] = [await startApp(redis), await startApp(redis)];
  const opened = [await one.open(), await two.open()];
  const isConnected = ({ channel }: AppServer) => channel.stats().backplane?.isConnected === true;
  await eventually(() => isConnected(one) && isConnected(two), "readers");
  await redis.kill();
  await eventually(() => one.errors.length > 0, "error");
  for (const number of numbers(0, 10)) one.channel.broadcast(number);
  const published = one.channel.published();
  await redis.restart();
  await published;
  for (const { events } of opened) expect(dataOf(await events.take(10))).toEqual(numbers(0, 10));
  expect(one.errors).toEqual(["backplane-unavailable"]);
});

it("a server starts without Redis, and refuses broadcasts only when too many wait", async () => {
  const redis = new RedisServer();
  await redis.start();
  await redis.kill();
  const process = openProcess(redis, { maxQueuedEvents: 3 });
  const app = await new AppServer(redis, {}, process).start();
  const opened = await app.open();
  for (const number of numbers(0, 3)) app.channel.broadcast(number);
  expect(await errorOf(() => app.channel.broadcast(3))).toMatchObject({
    code: "backplane-unavailable",
  });
  await redis.restart();
  await app.channel.published();
  // Others may have broadcast meanwhile.
  expect(await opened.events.next()).toEqual({
    event: "gap",
    id: undefined,
    data: '{"reason":"unknown","oldest":null}',
  });
  expect(dataOf(await opened.events.take(3))).toEqual(numbers(0, 3));
  app.channel.broadcast(4);
  expect(dataOf([await opened.events.next()])).toEqual([4]);
  await redis.close();
});

it("a session gets what others broadcast since it was registered, though its server finds its way later", async () => {
  const redis = await startRedis();
  const old = ["n", 100, "e", "message", "d", '"from before"'];
  await redisClient(redis).xadd("stream-llm:log:news", "1-1", ...old);
  await redisClient(redis).set("stream-llm:number:news", 100);
  const one = await startApp(redis);
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  const gate = createServer(async (near) => {
    await opened;
    const far = connect(redis.port, "127.0.0.1");
    for (const socket of [near, far]) socket.on("error", () => {});
    near.pipe(far).pipe(near);
  });
  const client = redisClient({ port: (await listen(gate)).port } as RedisServer);
  const process = openProcess(redis, {}, client);
  const channel = createChannel({ name: "news", backplane: process.backplane });
  const { session, body } = await openSession();
  const left = await openSession();
  channel.register(session).register(left.session).deregister(left.session);
  for (const number of numbers(0, 3)) one.channel.broadcast(number);
  await one.channel.published();
  open();
  await eventually(() => channel.stats().broadcasts === 3, "events");
  one.channel.broadcast(3);
  await eventually(() => channel.stats().broadcasts === 4, "event");
  channel.register(left.session);
  await eventually(() => left.session.lastId === session.lastId, "what came since it left");
  for (const text of [await body(), await left.body()]) {
    expect(text.match(/(?<=^data:).*/gm)).toEqual(["0", "1", "2", "3"]);
  }
  expect(channel.stats().backplane?.gaps).toBe(0);
});

it("sessions are counted over all servers", async () => {
  const redis = await startRedis();
  const [one, two] = [await startApp(redis), await startApp(redis)];
  const opened = [await one.open(), await two.open(), await two.open()];
  await counted(one, { sessions: 3, processes: 2 });
  opened[2]?.close();
  await counted(one, { sessions: 2, processes: 2 });
  opened[0]?.close();
  await counted(one, { sessions: 1, processes: 1 });
  const alone = createChannel();
  expect(await alone.presence()).toEqual({ sessions: 0, processes: 0 });
  await alone.published();
});

it("sessions of a channel that was detached are counted no more, though one of them ends later", async () => {
  const redis = await startRedis();
  const [one, two] = [await startApp(redis), await startApp(redis)];
  const opened = [await one.open(), await one.open()];
  await counted(two, { sessions: 2, processes: 1 });
  await one.channel.detach();
  const gone = new Promise((resolve) => one.channel.once("session-deregistered", resolve));
  opened[0]?.close();
  await gone;
  // Longer than changes are gathered.
  await new Promise((resolve) => setTimeout(resolve, 400));
  expect(await two.channel.presence()).toEqual({ sessions: 0, processes: 0 });
});

it("sessions cannot be counted while Redis is away", async () => {
  const redis = await startRedis();
  const client = redisClient(redis, { retryStrategy: () => 20, maxRetriesPerRequest: 1 });
  const app = new AppServer(redis, {}, openProcess(redis, {}, client));
  expect(await app.channel.presence()).toEqual({ sessions: 0, processes: 0 });
  await redis.kill();
  expect(await errorOf(() => app.channel.presence())).toMatchObject({
    code: "backplane-unavailable",
    message: expect.stringMatching(/cannot be counted/),
  });
});

it("listeners get the data of events that other servers broadcast, too", async () => {
  const redis = await startRedis();
  const [one, two] = [await startApp(redis), await startApp(redis)];
  const heard: unknown[] = [];
  two.channel.on("broadcast", (data, name) => heard.push([data, name]));
  await two.open();
  two.channel.activeSessions[0]?.on("push", (data, name) => heard.push([data, name]));
  one.channel.broadcast({ a: [1] }, "named");
  await eventually(() => heard.length === 2, "event at both");
  expect(heard).toEqual([
    [{ a: [1] }, "named"],
    [{ a: [1] }, "named"],
  ]);
});

it("a session that left an empty channel gets all when it is back, or is told of what was trimmed", async () => {
  const redis = await startRedis({ settings: { "stream-node-max-entries": "10" } });
  const { backplane } = openProcess(redis, { maxLength: 50 });
  const channel = createChannel({ name: "news", backplane, history: { events: 5 } });
  await eventually(() => channel.stats().backplane?.isConnected === true, "reader");
  const [early, late] = [await openSession(), await openSession()];
  for (const { session } of [early, late]) channel.register(session).deregister(session);
  let last = "";
  channel.on("broadcast", (_data, _name, id) => {
    last = id;
  });
  const backAfter = async (from: number, to: number, { session, body }: typeof early) => {
    for (const number of numbers(from, to)) {
      channel.broadcast(number);
      await channel.published();
    }
    await eventually(() => channel.stats().broadcasts === to, "events");
    channel.register(session);
    await eventually(() => session.lastId === last, "what came since it left");
    return (await body()).match(/(?<=^data:).*/gm) ?? [];
  };
  expect(await backAfter(0, 20, early)).toEqual(numbers(0, 20).map(String));
  expect((await backAfter(20, 200, late))[0]).toMatch(/"reason":"evicted"/);
});

it("the channel's own serializer and sanitizer make the text, once", async () => {
  const redis = await startRedis();
  const serializer = (data: unknown) => `<${data}>`;
  const sanitizer = (text: string) => text.toUpperCase();
  const one = await startApp(redis, { serializer, sanitizer });
  const two = await startApp(redis);
  const opened = [await one.open(), await two.open()];
  one.channel.broadcast("a", "tick");
  for (const { events } of opened) {
    expect(await events.next()).toMatchObject({ event: "TICK", data: "<A>" });
  }
});

it("a farewell is for the sessions of this server alone", async () => {
  const redis = await startRedis();
  const [one, two] = [await startApp(redis), await startApp(redis)];
  const opened = [await one.open(), await two.open()];
  await one.channel.close({ event: "tick", data: "bye" });
  expect(await opened[0]?.events.next()).toMatchObject({ event: "tick", data: '"bye"' });
  two.channel.broadcast("on");
  expect(dataOf([(await opened[1]?.events.next()) as never])).toEqual(["on"]);
});

it("a channel that was detached broadcasts no more, and its name is free", async () => {
  const redis = await startRedis();
  const process = openProcess(redis);
  const channel = createChannel({ name: "news", backplane: process.backplane });
  channel.broadcast("last");
  await channel.published();
  await channel.detach();
  expect(await errorOf(() => channel.broadcast("x"))).toMatchObject({ code: "closed" });
  expect(await errorOf(() => channel.presence())).toMatchObject({ code: "closed" });
  createChannel({ name: "news", backplane: process.backplane }).broadcast("again");
});

describe("what a backplane cannot do is refused:", () => {
  it.each([
    ["a filter", { filter: () => true }],
    ["an id of one's own", { eventId: "1" }],
  ])("%s", async (_, options) => {
    const process = openProcess(await startRedis());
    const channel = createChannel({ name: "news", backplane: process.backplane });
    expect(await errorOf(() => channel.broadcast("x", "message", options))).toMatchObject({
      code: "invalid-argument",
      message: expect.stringMatching(/neither filter nor eventId/),
    });
    expect(channel.stats().backplane?.queued).toBe(0);
  });

  it.each([
    ["no name", {}, /name is undefined/],
    ["a name that is none", { name: 5 }, /name is 5/],
    ["a name that no key has", { name: "room \ud800" }, /name is "room \\ud800"; .* well-formed/],
    ["no history", { name: "news", history: false }, /history is false/],
    ["no ids", { name: "news", eventId: null }, /eventId is null/],
  ])("%s", async (_, options, message) => {
    const { backplane } = openProcess(await startRedis());
    expect(await errorOf(() => createChannel({ backplane, ...options } as never))).toMatchObject({
      code: "invalid-option",
      message: expect.stringMatching(message),
    });
  });

  it("what is no backplane", async () => {
    const given = { name: "news", backplane: {} as never };
    expect(await errorOf(() => createChannel(given))).toMatchObject({
      code: "invalid-option",
      message: expect.stringMatching(/backplane is an object/),
    });
  });

  it("data without a text form", async () => {
    const process = openProcess(await startRedis());
    const channel = createChannel({ name: "news", backplane: process.backplane });
    for (const data of [undefined, 1n, () => 1]) {
      expect(await errorOf(() => channel.broadcast(data))).toBeInstanceOf(TypeError);
    }
    expect(channel.stats().backplane?.queued).toBe(0);
  });
});

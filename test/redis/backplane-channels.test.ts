import { expect, it } from "vitest";
import { Budget } from "../../lib/redis/log-writer.ts";
import { type LogKeys, type LogShare, RedisLog } from "../../lib/redis/redis-log.ts";
import { startChild } from "../e2e/child.ts";
import { eventually, within } from "../e2e/harness.ts";
import { follow, openProcess, Receiver, range } from "./backplane-kit.ts";
import { redisClient, startRedis } from "./redis-server.ts";

it("one more connection reads all channels, however many there are", async () => {
  const server = await startRedis();
  const process = openProcess(server);
  const other = openProcess(server);
  const followed = range(0, 150).map((name) => follow(process, name));
  for (const { receiver } of followed) await receiver.started();
  for (const name of range(0, 150)) follow(other, name).log.append("message", `to ${name}`);
  for (const [at, { receiver }] of followed.entries()) {
    await receiver.has(1);
    expect(receiver.data).toEqual([`to ${at}`]);
  }
  // Each process has its application's and one of its own.
  expect(await server.connections()).toBe(4);
});

it("a channel that is added is read at once, though the reader waits for others", async () => {
  const server = await startRedis();
  const process = openProcess(server);
  await follow(process, "first").receiver.started();
  const waits = async () => String(await server.ask("CLIENT", "LIST")).includes("flags=b");
  for (let look = 0; look < 1000 && !(await waits()); look++);
  const added = follow(process, "second");
  added.log.append("message", "soon");
  await added.receiver.has(1);
  expect(await server.commands()).toMatchObject({ "client|unblock": expect.any(Number) });
});

it("where no one may wake the reader, an added channel is read a little later", async () => {
  const server = await startRedis();
  await redisClient(server).call("ACL", "SETUSER", "default", "-client|unblock");
  const process = openProcess(server);
  await follow(process, "first").receiver.started();
  const added = follow(process, "second");
  added.log.append("message", "later");
  await added.receiver.has(1);
});

it("a name is followed once, until its log is closed", async () => {
  const server = await startRedis();
  const process = openProcess(server);
  const { log } = follow(process);
  expect(() => follow(process)).toThrowError(
    expect.objectContaining({ code: "invalid-option", message: expect.stringMatching(/"news"/) }),
  );
  expect(() => follow(process, "")).toThrowError(
    expect.objectContaining({ code: "invalid-option" }),
  );
  await log.close();
  expect(() => log.append("message", "x")).toThrowError(
    expect.objectContaining({ code: "closed" }),
  );
  const again = follow(process);
  again.log.append("message", "x");
  await again.receiver.has(1);
  await process.backplane.close();
  expect(() => follow(process, "other")).toThrowError(expect.objectContaining({ code: "closed" }));
});

it("closing writes what waits, and ends the connection for reading", async () => {
  const server = await startRedis();
  const process = openProcess(server);
  const { log, receiver } = follow(process);
  await receiver.started();
  log.append("message", "last");
  await process.backplane.close();
  expect(await redisClient(server).xlen("stream-llm:log:news")).toBe(1);
  process.client.disconnect();
  let connections = 9;
  for (let look = 0; look < 1000 && connections > 1; look++)
    connections = await server.connections();
  // That of the client which asked for the length.
  expect(connections).toBe(1);
  expect(process.client.listenerCount("ready")).toBe(0);
});

it("what follows an event is found by its exact id; what a client made up is not", async () => {
  const server = await startRedis();
  const { log, receiver } = follow(openProcess(server));
  for (const data of range(0, 300)) log.append("message", data);
  await receiver.has(300);
  const { entries } = receiver;
  const { id = "" } = entries[290] ?? {};
  expect(await log.read(id)).toEqual({ entries: entries.slice(291) });
  expect(await log.read(entries[299]?.id ?? "")).toEqual({ entries: [] });
  const [time = "", sequence] = id.split("-");
  const forged = [`${time}-999999`, `0${id}`, `${time}-0${sequence}`, "", "-", "+", "(1-1", time];
  forged.push("18446744073709551616-0", "99999999999999999999-1", `${id}\0`, "\ud800-1");
  forged.push(`${id} COUNT 1`, `${id}\r\n`, "18446744073709551615-18446744073709551615");
  const oldest = entries[0]?.id;
  for (const text of forged) {
    expect(await log.read(text)).toEqual({
      entries: entries.slice(0, 256),
      gap: { reason: "unknown", oldest },
    });
  }
  expect((await log.read("1-1")).gap).toEqual({ reason: "evicted", oldest });
  // The same of another channel.
  const other = follow(openProcess(server), "other");
  expect(await other.log.read(id)).toEqual({
    entries: [],
    gap: { reason: "unknown", oldest: null },
  });
});

it("what came before is read by pages, with the entries skipped that no channel wrote", async () => {
  const server = await startRedis();
  const client = redisClient(server);
  const { log, receiver } = follow(openProcess(server));
  for (const data of range(0, 600)) log.append("message", data);
  await receiver.has(600);
  for (let at = 0; at < 600; at++) void client.xadd("stream-llm:log:news", "*", "no", "event");
  await client.ping();
  log.append("message", "600");
  await receiver.has(601);
  const { entries } = receiver;
  for (const from of [-1, 9, 599]) {
    const seen = [];
    let page = await log.read(entries[from]?.id ?? null);
    for (let pages = 0; page.entries.length > 0 && pages < 10; pages++) {
      expect(page.gap).toBeUndefined();
      seen.push(...page.entries);
      page = await log.read(seen.at(-1)?.id ?? null);
    }
    expect(seen).toEqual(entries.slice(from + 1));
  }
});

it("a hole in what came before is a gap, where it is", async () => {
  const server = await startRedis();
  const client = redisClient(server);
  const { log, receiver } = follow(openProcess(server));
  for (const data of range(0, 10)) log.append("message", data);
  await receiver.has(10);
  const { entries } = receiver;
  const ids = entries.map(({ id }) => id);
  await client.xdel("stream-llm:log:news", ids[4] as string, ids[5] as string);
  expect(await log.read(ids[1] as string)).toEqual({ entries: entries.slice(2, 4) });
  const gap = { reason: "evicted", oldest: ids[6] };
  expect(await log.read(ids[3] as string)).toEqual({ entries: entries.slice(6), gap });
  // What was removed is no place to go on from.
  expect((await log.read(ids[4] as string)).gap).toEqual({ reason: "unknown", oldest: ids[0] });
});

it("reading what came before waits while Redis is away", async () => {
  const server = await startRedis({ appendonly: true });
  const { log, receiver } = follow(openProcess(server));
  for (const data of range(0, 3)) log.append("message", data);
  await receiver.has(3);
  await server.kill();
  const reading = log.read(receiver.entries[0]?.id ?? "");
  await server.restart();
  expect(await reading).toEqual({ entries: receiver.entries.slice(1) });
});

it("reading what came before does not outlast who it is for", async () => {
  const server = await startRedis();
  const { log } = follow(openProcess(server));
  await server.kill();
  const gone = new AbortController();
  const reading = log.read("1-1", gone.signal);
  gone.abort();
  await expect(within(reading, "end of the read")).rejects.toMatchObject({
    code: "backplane-unavailable",
  });
});

it("reading what came before of a Redis that hangs ends, though its connection stays open", async () => {
  const server = await startRedis();
  const client = redisClient(server);
  await client.ping();
  const asked: string[] = [];
  const share = {
    isReady: true,
    ask: (command: string, ...args: (string | number)[]) => {
      asked.push(command);
      return client.call(command, ...args);
    },
  };
  const keys = { stream: "log" } as LogKeys;
  const log = new RedisLog(keys, new Receiver(), new Budget(1, 1), share as LogShare, 300);
  server.pause();
  // More than are read at the same time.
  const readings = Array.from({ length: 40 }, () => log.read("1-1"));
  const outcomes = await within(Promise.allSettled(readings), "end of the reads");
  for (const outcome of outcomes) {
    expect(outcome).toMatchObject({ reason: { code: "backplane-unavailable" } });
  }
  // Who comes later does not ask a Redis that has not answered the others.
  const gone = new AbortController();
  const late = log.read("1-1", gone.signal);
  expect(asked).toHaveLength(16);
  gone.abort();
  await expect(within(late, "end of the read")).rejects.toMatchObject({
    code: "backplane-unavailable",
  });
  server.resume();
  expect(await log.read("1-1")).toMatchObject({ entries: [], gap: { oldest: null } });
});

it("a page of what came before has a bounded size, whatever that of the events", async () => {
  const server = await startRedis();
  const { log, receiver } = follow(openProcess(server));
  const data = "x".repeat(100_000);
  for (let at = 0; at < 20; at++) log.append("message", data);
  log.append("message", "y".repeat(1_000_000));
  await receiver.has(21);
  const seen = [];
  for (let since = null; seen.length < 21; since = seen.at(-1)?.id ?? null) {
    const { entries } = await log.read(since);
    expect(entries.length).toBeGreaterThan(0);
    expect(entries.length).toBeLessThan(3);
    seen.push(...entries);
  }
  expect(seen).toEqual(receiver.entries);
});

it("few pages are read at the same time, and none for who has gone before its turn", async () => {
  const server = await startRedis();
  const { log, receiver } = follow(openProcess(server));
  await receiver.started();
  server.pause();
  const gone = Array.from({ length: 100 }, () => new AbortController());
  const ended = Promise.allSettled(gone.map(({ signal }) => log.read("1-1", signal)));
  const late = log.read("1-1");
  for (const controller of gone) controller.abort();
  server.resume();
  await ended;
  expect(await late).toEqual({ entries: [], gap: { reason: "unknown", oldest: null } });
  expect((await server.commands()).xrange).toBeLessThan(20);
});

it("old entries go by number and by age, and a channel without any leaves nothing behind for long", async () => {
  const server = await startRedis({ settings: { "stream-node-max-entries": "10" } });
  const client = redisClient(server);
  const { log, receiver } = follow(openProcess(server, { maxLength: 100, retention: 400 }));
  for (const data of range(0, 1000)) log.append("message", data);
  await receiver.has(100);
  await eventually(() => receiver.data.at(-1) === "999", "last entry");
  expect(await client.xlen("stream-llm:log:news")).toBeLessThan(120);
  await new Promise((resolve) => setTimeout(resolve, 500));
  log.append("message", "later");
  await eventually(() => receiver.data.at(-1) === "later", "entry");
  expect(await client.xlen("stream-llm:log:news")).toBeLessThan(12);
  await log.close();
  await new Promise((resolve) => setTimeout(resolve, 1000));
  // What a producer wrote last is remembered for a day, and the number for a minute.
  const number = "stream-llm:number:news";
  expect((await client.keys("*")).toSorted()).toEqual([
    number,
    expect.stringMatching(/^stream-llm:producer:/),
  ]);
  const left = await client.pttl(number);
  expect(left).toBeGreaterThan(0);
  expect(left).toBeLessThan(61_000);
});

it("entries may be kept for longer than there have been any", async () => {
  const retention = Number.MAX_SAFE_INTEGER;
  const { log, receiver } = follow(openProcess(await startRedis(), { retention }));
  log.append("message", "one");
  await log.published();
  await receiver.has(1);
  expect(receiver.errors).toEqual([]);
});

it("prefixes keep applications apart, and the client's own is kept to", async () => {
  const server = await startRedis();
  const client = redisClient(server);
  const mine = follow(openProcess(server, { prefix: "mine" }));
  const prefixed = redisClient(server, { keyPrefix: "app:" });
  const theirs = follow(openProcess(server, { prefix: "theirs" }, prefixed));
  mine.log.append("message", "mine");
  theirs.log.append("message", "theirs");
  await theirs.receiver.has(1);
  await mine.receiver.has(1);
  expect(mine.receiver.data).toEqual(["mine"]);
  expect(theirs.receiver.data).toEqual(["theirs"]);
  expect(await client.exists("mine:log:news", "app:theirs:log:news")).toBe(2);
});

it.each([2, 3] as const)("over RESP%i", async (protocol) => {
  const server = await startRedis();
  const { log, receiver } = follow(openProcess(server, {}, redisClient(server, { protocol })));
  log.append("message", "one");
  await receiver.has(1);
  expect(await log.read(null)).toEqual({ entries: receiver.entries });
});

it("over RESP3 with its own shapes of replies", async () => {
  const server = await startRedis();
  const client = redisClient(server, { protocol: 3, replyMapping: "resp3" });
  const { log, receiver } = follow(openProcess(server, {}, client));
  log.append("message", "one");
  await receiver.has(1);
  expect(await log.presence()).toEqual({ sessions: 0, processes: 0 });
});

it("over a client that gives numbers as text", async () => {
  const server = await startRedis();
  const client = redisClient(server, { retryStrategy: () => 20, stringNumbers: true });
  const { log, receiver } = follow(openProcess(server, {}, client));
  receiver.sessions = 2;
  expect(await log.presence()).toEqual({ sessions: 2, processes: 1 });
  log.append("message", "before");
  await receiver.has(1);
  // All that was not read is gone: what comes next is of no other number than that.
  const other = redisClient(server);
  await other
    .multi()
    .xtrim("stream-llm:log:news", "MAXLEN", 0)
    .incr("stream-llm:number:news")
    .exec();
  await eventually(() => receiver.positions.length > 1, "new position", 15_000);
});

it("sessions are counted over all processes; those of one that was killed for a while", async () => {
  const server = await startRedis();
  const options = { presenceTimeout: 600 };
  const one = follow(openProcess(server, options));
  const two = follow(openProcess(server, options));
  one.receiver.sessions = 3;
  two.receiver.sessions = 4;
  for (const { log } of [one, two]) log.countChanged();
  const presence = async (wanted: object) => {
    let last: unknown;
    for (let look = 0; look < 2000; look++) {
      last = await two.log.presence();
      if (JSON.stringify(last) === JSON.stringify(wanted)) return;
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    expect(last).toEqual(wanted);
  };
  await presence({ sessions: 7, processes: 2 });
  // Longer than it holds: it is told again and again.
  await new Promise((resolve) => setTimeout(resolve, 1200));
  await presence({ sessions: 7, processes: 2 });
  two.receiver.sessions = 0;
  two.log.countChanged();
  await presence({ sessions: 3, processes: 1 });
  await one.log.close();
  await presence({ sessions: 0, processes: 0 });

  const child = await startChild(
    `import { createRequire } from "node:module";
     import { Redis } from "ioredis";
     import { redisBackplane } from "./lib/redis/index.js";
     const backplane = redisBackplane({ client: new Redis(${server.port}), presenceTimeout: 600 });
     const receiver = { onPosition() {}, onEntry() {}, onError() {}, sessionCount: () => 5 };
     const log = backplane.follow("news", receiver);
     log.countChanged();
     console.log("ready");`,
  );
  await child.line("ready");
  await presence({ sessions: 5, processes: 1 });
  child.process.kill("SIGKILL");
  await presence({ sessions: 0, processes: 0 });
});

it("a Redis that hangs is told each number once, and holds nobody up who leaves", async () => {
  const server = await startRedis();
  const { client, backplane } = openProcess(server, { presenceTimeout: 100 });
  const { log, receiver } = follow({ client, backplane });
  receiver.sessions = 1;
  log.countChanged();
  expect(await log.presence()).toEqual({ sessions: 1, processes: 1 });
  await server.resetCommands();
  server.pause();
  // Each would be a beat, at least.
  await new Promise((resolve) => setTimeout(resolve, 500));
  await within(log.close(), "end of the log");
  server.resume();
  await client.ping();
  const { hset = 0, hdel = 0 } = await server.commands();
  expect(hset).toBeLessThan(4);
  expect(hdel).toBeGreaterThan(0);
  expect(await redisClient(server).exists("stream-llm:presence:news")).toBe(0);
});

it("nothing of it keeps the process alive", async () => {
  const server = await startRedis();
  const child = await startChild(
    `import { Redis } from "ioredis";
     import { redisBackplane } from "./lib/redis/index.js";
     const client = new Redis(${server.port});
     const backplane = redisBackplane({ client });
     const receiver = { onPosition() {}, onError() {}, sessionCount: () => 1,
       onEntry({ data }) { console.log("got", data); client.quit(); } };
     const log = backplane.follow("news", receiver);
     log.countChanged();
     log.append("message", "one");`,
  );
  expect(await within(child.exit, "end of the process")).toBe(0);
  expect(child.output()).toBe("got one\n");
});

it.each([
  [{ client: undefined }, "client is undefined"],
  [{ client: {} }, "client is an object"],
  [{ prefix: "" }, "prefix"],
  [{ prefix: "app{1}" }, "prefix"],
  [{ prefix: "app\udc00" }, "prefix"],
  [{ maxLength: 0 }, "maxLength is 0"],
  [{ retention: 1.5 }, "retention is 1.5"],
  [{ maxQueuedEvents: "9" }, 'maxQueuedEvents is "9"'],
  [{ maxQueuedBytes: -1 }, "maxQueuedBytes is -1"],
  [{ presenceTimeout: 5 }, "presenceTimeout is 5"],
  [{ presenceTimeout: 2 ** 31 }, "presenceTimeout is 2147483648"],
])("an option that makes no sense is refused: %o", async (options, message) => {
  const server = await startRedis();
  expect(() => openProcess(server, options as never)).toThrowError(
    expect.objectContaining({
      code: "invalid-option",
      message: expect.stringContaining(`stream-llm: ${message}`),
    }),
  );
});

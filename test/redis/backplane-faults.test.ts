import { expect, it } from "vitest";
import type { LogPosition } from "../../lib/backplane.ts";
import { SseError } from "../../lib/errors.ts";
import { errorOf, eventually } from "../e2e/harness.ts";
import { type Followed, follow, openProcess, Receiver, range } from "./backplane-kit.ts";
import { CuttingProxy } from "./cutting-proxy.ts";
import { RedisServer, redisClient, startRedis } from "./redis-server.ts";

/** Has the reader look where the log ends, as one does that connects. */
async function lookAgain(server: RedisServer, { log, receiver }: Followed) {
  const connections = String(await server.ask("CLIENT", "LIST"));
  const reader = /^id=(\d+) .* cmd=xread /m.exec(connections)?.[1] ?? expect.fail("no reader");
  await server.ask("CLIENT", "KILL", "ID", reader);
  await eventually(() => receiver.errors.length > 0, "break");
  await eventually(() => log.stats().isConnected, "look at the log's end");
}

it("connections that are cut at random lose nothing, and double nothing", async () => {
  const server = await startRedis();
  const proxies = [new CuttingProxy(server), new CuttingProxy(server)];
  const followed = [];
  for (const proxy of proxies) {
    await proxy.start();
    followed.push(follow(openProcess(server, {}, proxy.client())));
  }
  for (const { receiver } of followed) await receiver.started();
  let random = 1;
  const next = (below: number) => {
    random = (random * 48271) % 2147483647;
    return random % below;
  };
  const total = 3000;
  let sent = 0;
  while (sent < total) {
    const burst = Math.min(1 + next(40), total - sent);
    for (const { log } of followed) {
      for (let at = 0; at < burst; at++) log.append("event", `${followed.length} ${sent + at}`);
    }
    sent += burst;
    if (next(3) === 0) await proxies[next(2)]?.cut(next(4));
    else await new Promise((resolve) => setTimeout(resolve, next(3)));
  }
  for (const { log } of followed) await log.published();
  for (const { receiver } of followed) await receiver.has(2 * total);
  expect(proxies.every(({ cuts }) => cuts > 10)).toBe(true);
  const [one, other] = followed.map(({ receiver }) => receiver);
  expect(one?.entries).toEqual(other?.entries);
  expect(one?.holes).toEqual([]);
  expect(await redisClient(server).xlen("stream-llm:log:news")).toBe(2 * total);
  // Each number twice, once of each process, in their order.
  const numbers = one?.data.map((data) => Number(data.split(" ")[1])) ?? [];
  expect(numbers.toSorted((a, b) => a - b)).toEqual(
    range(0, total).flatMap((number) => [Number(number), Number(number)]),
  );
});

it("Redis that is killed and comes back has all, and the readers go on", async () => {
  const server = await startRedis({ appendonly: true });
  const followed = [1, 2].map(() => follow(openProcess(server)));
  for (const { receiver } of followed) await receiver.started();
  const [one, two] = followed;
  for (const data of range(0, 100)) one?.log.append("message", data);
  await one?.log.published();
  await server.kill();
  for (const data of range(100, 200)) one?.log.append("message", data);
  await server.restart();
  for (const data of range(200, 300)) one?.log.append("message", data);
  await one?.log.published();
  for (const { receiver } of followed) {
    await receiver.has(300);
    expect(receiver.data).toEqual(range(0, 300));
    expect(receiver.holes).toEqual([]);
    expect(receiver.positions).toHaveLength(1);
  }
  expect(two?.receiver.errors.map(({ code }) => code)).toEqual(["backplane-unavailable"]);
});

it("a Redis that is not there yet is told once, and queued for up to a bound", async () => {
  const server = new RedisServer();
  await server.start();
  await server.kill();
  const { log, receiver } = follow(openProcess(server, { maxQueuedEvents: 5 }));
  for (const data of range(0, 5)) log.append("message", data);
  await eventually(() => receiver.errors.length > 0, "error");
  const refused = await errorOf(() => log.append("message", "5"));
  expect(refused).toMatchObject({
    code: "backplane-unavailable",
    message: expect.stringMatching(/^stream-llm: 5 broadcasts \(\d+ bytes\) wait to be written/),
  });
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(receiver.errors).toHaveLength(1);
  expect(log.stats()).toEqual({ isConnected: false, queued: 5, foreign: 0 });
  await server.restart();
  await log.published();
  await receiver.has(5);
  expect(receiver.data).toEqual(range(0, 5));
  expect(receiver.errors).toHaveLength(1);
  await server.close();
});

it("bytes that wait are bounded as well, and a slow Redis is told from one that is away", async () => {
  const server = await startRedis();
  const { log, receiver } = follow(openProcess(server, { maxQueuedBytes: 10_000 }));
  await receiver.started();
  server.pause();
  for (const data of range(0, 2)) log.append("message", data.repeat(2000));
  expect(await errorOf(() => log.append("message", "x".repeat(2000)))).toMatchObject({
    code: "overloaded",
  });
  server.resume();
  await log.published();
  log.append("message", "x".repeat(2000));
  await receiver.has(3);
});

/** A log that is followed and has one event, and a client to harm it with. */
async function logWithOne() {
  const server = await startRedis();
  const client = redisClient(server);
  const followed = follow(openProcess(server));
  await followed.receiver.started();
  followed.log.append("message", "before");
  await followed.receiver.has(1);
  return { server, client, followed, ...followed };
}

it("Redis that was emptied begins anew: that is told, and what comes later comes", async () => {
  const { client, log, receiver } = await logWithOne();
  await client.flushall();
  log.append("message", "after");
  await receiver.has(2);
  expect(receiver.data).toEqual(["before", "after"]);
  expect(receiver.holes).toEqual([1]);
  // Whether ids increase as well or not: those of a clock that was set back do not.
  await client.flushall();
  await client.xadd("stream-llm:log:news", "1-1", "of", "a log that is older");
  await eventually(() => receiver.positions.length > 1, "new position", 15_000);
  log.append("message", "still there");
  await receiver.has(3);
  expect(receiver.data[2]).toBe("still there");
});

it("a stream that ran out, as nothing came for long, has lost nothing", async () => {
  const { server, client, followed, log, receiver } = await logWithOne();
  await client.del("stream-llm:log:news");
  await lookAgain(server, followed);
  log.append("message", "after");
  await receiver.has(2);
  expect(receiver.positions).toHaveLength(1);
  expect(receiver.holes).toEqual([]);
  // The number tells it from a log that was emptied before it was read.
  await client.del("stream-llm:log:news", "stream-llm:number:news");
  await eventually(() => receiver.positions.length > 1, "new position", 15_000);
});

it("a stream whose entries are kept for less than the time between two looks has lost nothing", async () => {
  const server = await startRedis();
  const client = redisClient(server);
  const followed = follow(openProcess(server, { retention: 100 }));
  const { log, receiver } = followed;
  await receiver.started();
  log.append("message", "before");
  await receiver.has(1);
  // Several times as long as entries are kept.
  await new Promise((resolve) => setTimeout(resolve, 500));
  expect(await client.exists("stream-llm:log:news")).toBe(0);
  await lookAgain(server, followed);
  log.append("message", "after");
  await receiver.has(2);
  expect(receiver.positions).toHaveLength(1);
  expect(receiver.holes).toEqual([]);
});

it("who has no room to be told that the log began anew is told again", async () => {
  const server = await startRedis();
  const client = redisClient(server);
  const { backplane } = openProcess(server);
  let refusals = 0;
  class Refusing extends Receiver {
    override onPosition(position: LogPosition) {
      if (this.positions.length === 1 && ++refusals === 1) {
        throw new SseError("overloaded", "no room");
      }
      super.onPosition(position);
    }
  }
  const receiver = new Refusing();
  const log = backplane.follow("news", receiver);
  await receiver.started();
  log.append("message", "before");
  await receiver.has(1);
  await client.flushall();
  await client.xadd("stream-llm:log:news", "1-1", "of", "a log that is older");
  await eventually(() => receiver.positions.length > 1, "new position", 20_000);
  expect(refusals).toBe(2);
});

it("a Redis that restarts empty begins anew", async () => {
  const server = await startRedis();
  const { log, receiver } = follow(openProcess(server));
  log.append("message", "before");
  await receiver.has(1);
  await server.kill();
  await server.restart();
  await eventually(() => receiver.positions.length > 1, "new position");
  log.append("message", "after");
  await receiver.has(2);
  expect(receiver.data).toEqual(["before", "after"]);
});

it("a reader that was away for longer than the stream keeps finds the hole", async () => {
  const server = await startRedis({ settings: { "stream-node-max-entries": "10" } });
  const proxy = new CuttingProxy(server);
  await proxy.start();
  const options = { maxLength: 20 };
  const away = follow(openProcess(server, options, proxy.client()));
  const there = follow(openProcess(server, options));
  for (const { receiver } of [away, there]) await receiver.started();
  there.log.append("message", "first");
  await away.receiver.has(1);
  await proxy.cut(0);
  for (const data of range(0, 500)) there.log.append("message", data);
  await there.log.published();
  await away.receiver.has(20);
  await eventually(() => away.receiver.data.at(-1) === "499", "last entry");
  expect(away.receiver.holes).toEqual([1]);
  const { data } = away.receiver;
  expect(data.slice(1)).toEqual(range(501 - data.length, 500));
});

it("more than the stream keeps, appended in one turn: who cannot read it finds the hole", async () => {
  const server = await startRedis({ settings: { "stream-node-max-entries": "10" } });
  const { log, receiver } = follow(openProcess(server, { maxLength: 10 }));
  await receiver.started();
  for (const data of range(0, 5000)) log.append("message", data);
  await eventually(() => receiver.data.at(-1) === "4999", "last entry");
  expect(receiver.entries.length).toBeLessThan(5000);
  expect(receiver.holes.length).toBeGreaterThan(0);
});

it("entries of another shape are skipped and counted", async () => {
  const server = await startRedis();
  const client = redisClient(server);
  const { log, receiver } = follow(openProcess(server));
  await receiver.started();
  const key = "stream-llm:log:news";
  log.append("message", "one");
  await log.published();
  await client.xadd(key, "*", "a", "b");
  await client.xadd(key, "*", "n", "no number", "e", "message", "d", "x");
  await client.xadd(key, "*", "e", "message", "n", "1", "d", "x");
  log.append("message", "two");
  await receiver.has(2);
  expect(receiver.data).toEqual(["one", "two"]);
  expect(receiver.holes).toEqual([]);
  expect(log.stats().foreign).toBe(3);
  const [first, second] = receiver.entries;
  expect(await log.read(first?.id ?? "")).toEqual({ entries: [second] });
});

it.each([
  "-5",
  "1e999",
  "nan",
  "no number",
  "",
  "1.5",
  "0x7fffffff",
  "9007199254740991",
  "9".repeat(40),
])("a log whose number was overwritten with %j goes on, after a gap", async (foreign) => {
  const { server, client, log, receiver } = await logWithOne();
  await client.set("stream-llm:number:news", foreign);
  for (const data of ["one", "two"]) log.append("message", data);
  await receiver.has(3);
  log.append("message", "three");
  await receiver.has(4);
  expect(receiver.data).toEqual(["before", "one", "two", "three"]);
  expect(receiver.holes).toEqual([1]);
  expect(log.stats().foreign).toBe(0);
  const first = receiver.entries[1];
  expect((await log.read(first?.id ?? "")).entries).toEqual(receiver.entries.slice(2));
  // Who starts now reads on from there.
  const late = follow(openProcess(server));
  await late.receiver.started();
  expect(late.receiver.positions[0]).toMatchObject({ number: receiver.entries[3]?.number });
});

it("of what Redis takes the beginning only, that is sent, and the rest is told of", async () => {
  const server = await startRedis();
  const client = redisClient(server);
  const { log, receiver } = follow(openProcess(server));
  await receiver.started();
  // The last ms that a double holds, and a number after which the ids of one ms begin anew.
  await client.xadd("stream-llm:log:news", `${2n ** 64n - 2048n}-0`, "no", "event");
  await client.set("stream-llm:number:news", 4094);
  for (const data of ["one", "two", "three"]) log.append("message", data);
  await expect(log.published()).rejects.toMatchObject({
    code: "backplane-unavailable",
    message: expect.stringMatching(/sent to nobody: 2\.$/),
  });
  await receiver.has(1);
  expect(receiver.data).toEqual(["one"]);
  expect(receiver.errors).toHaveLength(1);
});

it("a key of another type fails its channel alone, which comes back when the key is gone", async () => {
  const server = await startRedis();
  const client = redisClient(server);
  await client.set("stream-llm:log:bad", "no stream");
  const process = openProcess(server);
  const bad = follow(process, "bad");
  const good = follow(process, "good");
  await good.receiver.started();
  bad.log.append("message", "lost");
  await expect(bad.log.published()).rejects.toMatchObject({ code: "backplane-unavailable" });
  expect(bad.receiver.errors[0]?.message).toMatch(/WRONGTYPE/);
  good.log.append("message", "fine");
  await good.receiver.has(1);
  // One that turns bad while it is read.
  await client.del("stream-llm:log:good");
  await client.set("stream-llm:log:good", "no stream");
  good.log.append("message", "lost too");
  await expect(good.log.published()).rejects.toMatchObject({ code: "backplane-unavailable" });
  await client.del("stream-llm:log:bad");
  await bad.receiver.started();
  bad.log.append("message", "back");
  await bad.receiver.has(1);
});

it("scripts that Redis forgets are sent again, in their order", async () => {
  const server = await startRedis();
  const client = redisClient(server);
  const { log, receiver } = follow(openProcess(server));
  await receiver.started();
  for (let round = 0; round < 5; round++) {
    for (let at = 0; at < 400; at++) log.append("message", String(round * 400 + at));
    await client.script("FLUSH");
    await log.published();
  }
  await receiver.has(2000);
  expect(receiver.data).toEqual(range(0, 2000));
});

it("without room in Redis broadcasts wait, and are written when there is some", async () => {
  const server = await startRedis();
  const client = redisClient(server);
  const { log, receiver } = follow(openProcess(server));
  await receiver.started();
  await client.config("SET", "maxmemory", "1");
  log.append("message", "waits");
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(log.stats().queued).toBe(1);
  await client.config("SET", "maxmemory", "0");
  await log.published();
  await receiver.has(1);
  expect(receiver.data).toEqual(["waits"]);
});

it("when the application closes its client, what waits is given up and more refused", async () => {
  const server = new RedisServer();
  await server.start();
  await server.kill();
  const process = openProcess(server);
  const { log, receiver } = follow(process);
  log.append("message", "waits");
  const published = log.published();
  process.client.disconnect();
  await expect(published).rejects.toMatchObject({ code: "backplane-unavailable" });
  expect(receiver.errors.at(-1)?.message).toMatch(/client of Redis was closed/);
  expect(await errorOf(() => log.append("message", "more"))).toMatchObject({
    code: "backplane-unavailable",
  });
  await server.close();
});

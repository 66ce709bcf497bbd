import { expect, it } from "vitest";
import { follow, openProcess, range } from "./backplane-kit.ts";
import { redisClient, startRedis } from "./redis-server.ts";

it("all processes get what each appends, once and in the order of the stream", async () => {
  const server = await startRedis();
  const followed = [1, 2, 3].map(() => follow(openProcess(server)));
  for (const { receiver } of followed) await receiver.started();
  for (let event = 0; event < 300; event++) {
    for (const [at, { log }] of followed.entries()) log.append("event", `${at} ${event}`);
    if (event % 7 === 0) await new Promise(setImmediate);
  }
  for (const { receiver } of followed) await receiver.has(900);
  const stream = (await redisClient(server).xrange("stream-llm:log:news", "-", "+")) as [
    string,
    string[],
  ][];
  for (const { receiver } of followed) {
    expect(receiver.holes).toEqual([]);
    expect(receiver.entries.map(({ id }) => id)).toEqual(stream.map(([id]) => id));
    for (const at of [0, 1, 2]) {
      const own = receiver.data.filter((data) => data.startsWith(`${at} `));
      expect(own).toEqual(range(0, 300).map((event) => `${at} ${event}`));
    }
  }
});

it("goes on from its last id where the clock is behind, and where many events come in one ms", async () => {
  const server = await startRedis();
  const { log, receiver } = follow(openProcess(server));
  await receiver.started();
  const ahead = Date.now() + 3_600_000;
  await redisClient(server).xadd("stream-llm:log:news", `${ahead}-${2 ** 50}`, "no", "event");
  for (const data of range(0, 10_000)) log.append("message", data);
  await receiver.has(10_000);
  expect(receiver.data).toEqual(range(0, 10_000));
  expect(receiver.holes).toEqual([]);
  const ids = receiver.entries.map(({ id }) => id.split("-").map(Number) as [number, number]);
  expect(ids[0]?.[0]).toBe(ahead + 1);
  expect(new Set(ids.map(([, sequence]) => sequence % 2 ** 20)).size).toBe(1);
});

it("what is appended right after follow(), before Redis is connected, comes back", async () => {
  const server = await startRedis();
  const { log, receiver } = follow(openProcess(server));
  for (const data of range(0, 10)) log.append("message", data);
  await log.published();
  await receiver.has(10);
  expect(receiver.data).toEqual(range(0, 10));
  expect(receiver.holes).toEqual([]);
});

it("text comes back as it was: any characters, line ends, an empty one, a megabyte", async () => {
  const server = await startRedis();
  const { log, receiver } = follow(openProcess(server));
  const texts = ["", "\r\n\n:data: x\0", "🙂 ü \u2028", "x".repeat(1 << 20)];
  for (const text of texts) log.append(`name ${text.slice(0, 5)}`, text);
  await receiver.has(texts.length);
  expect(receiver.data).toEqual(texts);
  expect(receiver.entries.map(({ name }) => name)).toEqual(
    texts.map((text) => `name ${text.slice(0, 5)}`),
  );
});

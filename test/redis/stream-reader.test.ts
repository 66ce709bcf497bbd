import { expect, it, onTestFinished } from "vitest";
import type { RedisClient } from "../../lib/redis/client.ts";
import { ReadPlan } from "../../lib/redis/read-plan.ts";
import { type RawEntry, type ReadStream, StreamReader } from "../../lib/redis/stream-reader.ts";
import { eventually } from "../e2e/harness.ts";
import { redisClient, startRedis } from "./redis-server.ts";

class Stream implements ReadStream {
  readonly keys: ReadStream["keys"];
  readonly ids: string[] = [];

  constructor(name: string) {
    this.keys = { stream: `log:${name}`, number: `number:${name}` };
  }

  get cursor() {
    return this.ids.at(-1) ?? "0-0";
  }

  async take(entries: readonly RawEntry[]) {
    for (const [id] of entries) this.ids.push(id);
  }

  end() {}
}

const streams = (count: number) => Array.from({ length: count }, (_, at) => new Stream(`${at}`));

/** Entries of that size, as if they had been read. */
const entries = (count: number, size: number) =>
  Array.from({ length: count }, (_, at): RawEntry => [`1-${at}`, ["d", "x".repeat(size - 1)]]);

/** Has the plan know what entries of the streams take. */
function settle(plan: ReadPlan, all: readonly Stream[], size: number) {
  const read = { streams: all, count: 9, waits: true };
  for (let round = 0; round < 20; round++) {
    for (const stream of all) plan.note(stream, entries(1, size), read);
  }
}

it("what one read brings is bounded in bytes, however many streams have much to read", async () => {
  const server = await startRedis();
  const client = redisClient(server);
  const all = streams(60);
  const perStream = 100;
  for (const { keys } of all) {
    const pipeline = client.pipeline();
    for (let at = 1; at <= perStream; at++) {
      pipeline.xadd(keys.stream, `1-${at}`, "d", "x".repeat(4000));
    }
    await pipeline.exec();
  }
  const sizes: number[] = [];
  const duplicate = client.duplicate.bind(client);
  client.duplicate = (options) => {
    const own = duplicate(options);
    const call = own.call.bind(own) as RedisClient["call"];
    own.call = (async (command: string, ...args: string[]) => {
      const reply = await call(command, ...args);
      if (command !== "xread" || reply === null) return reply;
      const found = (reply as [string, RawEntry[]][]).flatMap(([, some]) => some);
      sizes.push(found.length * 4000);
      return reply;
    }) as never;
    return own;
  };
  const reader = new StreamReader(client, 0, (error) => expect.fail(String(error)));
  onTestFinished(() => reader.stop());
  for (const stream of all) reader.add(stream);
  await eventually(() => all.every(({ ids }) => ids.length === perStream), "all entries", 20_000);
  const wanted = Array.from({ length: perStream }, (_, at) => `1-${at + 1}`);
  for (const { ids } of all) expect(ids).toEqual(wanted);
  // 24 MB together.
  expect(Math.max(...sizes)).toBeLessThanOrEqual(4 << 20);
  expect(sizes[0]).toBeLessThan(2 << 20);
  expect(sizes.length).toBeLessThan(40);
});

it("a stream of small entries is read by many at once, and one of large ones by few", () => {
  for (const [size, count] of [
    [100, 512],
    [40_000, 104],
    [1 << 20, 4],
    [1 << 24, 1],
  ] as const) {
    const plan = new ReadPlan();
    const all = streams(1);
    settle(plan, all, size);
    expect(plan.next(new Set(all))).toEqual({ streams: all, count, waits: true });
  }
});

it("streams that have more than was asked for are asked once each before all are again", () => {
  const plan = new ReadPlan();
  const all = streams(1000);
  settle(plan, all, 10_000);
  const set = new Set(all);
  const first = plan.next(set);
  expect(first).toEqual({ streams: all, count: 1, waits: true });
  const busy = all.slice(0, 100);
  for (const stream of busy) plan.note(stream, entries(1, 10_000), first);
  const asked: ReadStream[] = [];
  for (let read = plan.next(set); !read.waits; read = plan.next(set)) {
    expect(read.count).toBeGreaterThanOrEqual(16);
    expect(read.count * read.streams.length * 10_000).toBeLessThanOrEqual(4 << 20);
    asked.push(...read.streams);
    // They have ever more.
    for (const stream of read.streams) plan.note(stream, entries(read.count, 10_000), read);
  }
  expect(asked).toEqual(busy);
});

it("a stream that has left is not asked, though it had more", () => {
  const plan = new ReadPlan();
  const all = streams(500);
  settle(plan, all, 20_000);
  const read = plan.next(new Set(all));
  for (const stream of all.slice(0, 2)) plan.note(stream, entries(read.count, 20_000), read);
  expect(plan.next(new Set(all.slice(1))).streams).toEqual([all[1]]);
});

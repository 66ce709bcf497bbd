import { expect, it } from "vitest";
import { redisGenerationStore } from "../../lib/redis/index.ts";
import { startChild } from "../e2e/child.ts";
import { eventually, within } from "../e2e/harness.ts";
import {
  answering,
  make,
  openTab,
  Scripted,
  serveGenerations,
  text,
} from "../streaming/generations-setup.ts";
import { finish, start } from "../streaming/written.ts";
import { redisClient, startRedis } from "./redis-server.ts";

// One that renews nothing and looks at nothing while the test counts.
const leaseMs = 600_000;

/** What Redis did while a generation of so many batches had watchers on its server and another one. */
async function work({ watchers, batches }: { watchers: number; batches: number }) {
  const server = await startRedis();
  const store = () => redisGenerationStore({ client: redisClient(server), leaseMs, batchMs: 1 });
  const [here, there] = [make({ store: store() }), make({ store: store() })];
  const [ownUrl, url] = [await serveGenerations(here), await serveGenerations(there)];
  const provider = new Scripted();
  const { finished } = await here.start("a", provider.source);
  provider.say(start);
  const own = await Promise.all(Array.from({ length: watchers }, () => openTab(ownUrl("a"))));
  const first = await openTab(url("a"));
  await first.has(1);
  const others = Array.from({ length: watchers - 1 }, () => openTab(url("a")));
  const tabs = [first, ...own, ...(await Promise.all(others))];
  await Promise.all(tabs.map((tab) => tab.has(1)));
  await server.resetCommands();
  for (let batch = 1; batch <= batches; batch++) {
    provider.say("x");
    await eventually(() => tabs.every((tab) => tab.text.length === batch), `batch ${batch}`);
  }
  const commands = await server.commands();
  provider.say(finish);
  await finished;
  await within(Promise.all(tabs.map((tab) => tab.ended)), "end of all");
  return commands;
}

it("Redis does the same for each batch, however many watch", async () => {
  const batches = 20;
  const counts = [];
  for (const watchers of [1, 25]) counts.push(await work({ watchers, batches }));
  for (const { xread = 0, ...others } of counts) {
    // An append: a script of four commands, which wakes one reader.
    expect(others).toEqual({
      evalsha: batches,
      time: batches,
      hmget: batches,
      xadd: batches,
      hset: batches,
    });
    // One that blocks can be counted with what came before or after.
    expect(xread).toBeGreaterThanOrEqual(batches);
    expect(xread).toBeLessThanOrEqual(batches + 2);
  }
});

it("tokens that come fast share a command", async () => {
  const server = await startRedis();
  const store = redisGenerationStore({ client: redisClient(server), leaseMs, batchBytes: 7000 });
  const generations = make({ store });
  await (await generations.start("a", () => [finish])).finished;
  await server.resetCommands();
  // Of 64 and 6 bytes each: a hundred make a batch.
  const tokens = Array.from({ length: 1000 }, () => text("abcdef"));
  const { finished } = await generations.start("b", () => [start, ...tokens, finish]);
  await finished;
  const { xadd = 0, evalsha = 0 } = await server.commands();
  expect(xadd).toBeGreaterThan(1);
  expect(xadd).toBeLessThan(14);
  // With what creates and ends the run.
  expect(evalsha).toBe(xadd + 2);
});

it("the connection that blocks is there while something is run or followed, and no longer", async () => {
  const server = await startRedis();
  const [client, other] = [redisClient(server), redisClient(server)];
  const here = make({ store: redisGenerationStore({ client }) });
  const there = make({ store: redisGenerationStore({ client: other }) });
  await Promise.all([client.ping(), other.ping()]);
  expect(await server.connections()).toBe(2);
  const url = await serveGenerations(there);
  const providers = Array.from({ length: 3 }, () => new Scripted());
  for (const [n, { source }] of providers.entries()) await here.start(`${n}`, source);
  await expect.poll(() => server.connections()).toBe(3);
  const tabs = await Promise.all(providers.map((_, n) => openTab(url(`${n}`))));
  await expect.poll(() => server.connections()).toBe(4);
  for (const provider of providers) provider.say(...answering("x"));
  await Promise.all(tabs.map((tab) => tab.ended));
  await expect.poll(() => server.connections()).toBe(2);
  expect([client, other].map((each) => each.listenerCount("end"))).toEqual([0, 0]);
});

it("all that is kept runs out, also when every server dies", async () => {
  const server = await startRedis();
  const client = redisClient(server);
  const store = redisGenerationStore({ client, leaseMs: 1000 });
  const info = { id: "a", run: "r1", protocol: "events", startedAt: 0, ttl: 5000 } as const;
  const producer = { stop: () => {}, lost: () => {} };
  const lease = await store.create(info, producer);
  const expiries = async () => {
    const keys = ((await server.ask("KEYS", "*")) as string[]).sort();
    return Promise.all(keys.map((key) => server.ask("PTTL", key))) as Promise<number[]>;
  };
  expect(await expiries()).toHaveLength(1);
  await lease?.append([text("x")]);
  await store.stop(info);
  // The id's, the run's, and what told this process of the stop.
  const before = await expiries();
  expect(before).toHaveLength(3);
  for (const ms of before) {
    expect(ms).toBeGreaterThan(0);
    expect(ms).toBeLessThanOrEqual(31_000);
  }
  await lease?.append([finish]);
  const after = await Promise.all(
    ["id:a", "run:r1"].map((key) => client.pttl(`stream-llm:{0}:${key}`)),
  );
  expect(after[0]).toBeLessThanOrEqual(5000);
  expect(after[1]).toBeGreaterThan(5000);
});

it("keeps no process alive", async () => {
  const server = await startRedis();
  const child = await startChild(
    `
import { Redis } from "ioredis";
import { redisGenerationStore } from "./lib/redis/index.js";
import { createGenerations } from "./lib/streaming/server.js";
const client = new Redis(process.env.TEST_REDIS);
const generations = createGenerations({ store: redisGenerationStore({ client }) });
await generations.start("a", () => new Promise(() => {}));
await new Promise((resolve) => setTimeout(resolve, 300));
console.log("connections " + (await client.client("LIST")).trim().split("\\n").length);
// The application's own connection would.
client.stream.unref();
`,
    [],
    { env: { TEST_REDIS: server.url } },
  );
  expect(await child.line("connections")).toBe("2");
  expect(await within(child.exit, "exit")).toBe(0);
  expect(child.output()).not.toContain("Error");
});

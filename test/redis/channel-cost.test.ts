import { expect, it } from "vitest";
import { eventually } from "../e2e/harness.ts";
import { openSession } from "../lib/sessions.ts";
import { openProcess } from "./backplane-kit.ts";
import { AppServer } from "./channel-kit.ts";
import { type RedisServer, startRedis } from "./redis-server.ts";

/** Sessions that are told rarely how many they are, so as not to be in the way. */
async function crowd(redis: RedisServer, sessions: number) {
  const app = new AppServer(redis, {}, openProcess(redis, { presenceTimeout: 600_000 }));
  for (let count = 0; count < sessions; count++) {
    app.channel.register((await openSession()).session);
  }
  expect(await app.channel.presence()).toEqual({ sessions, processes: 1 });
  // What they were told to write about themselves has been written.
  await new Promise((resolve) => setTimeout(resolve, 300));
  await redis.resetCommands();
  return app;
}

/**
 * An entry each. Where the ids of a ms are used up, an event is tried anew in that ms and in the next one,
 * and so is the first of each script until the clock has come that far.
 */
function expectEntries(xadd: number, events: number, scripts: number): void {
  expect(xadd).toBeGreaterThanOrEqual(events);
  expect(xadd).toBeLessThanOrEqual(events + 2 + scripts);
}

it("what a broadcast asks of Redis does not grow with the sessions", async () => {
  const costs: number[] = [];
  const broadcasts = 100;
  for (const sessions of [1, 20, 200]) {
    const redis = await startRedis();
    const { channel } = await crowd(redis, sessions);
    for (let count = 1; count <= broadcasts; count++) {
      await channel.broadcast(count).published();
      await eventually(() => channel.stats().broadcasts === count, "event");
    }
    expect(channel.stats().recipients).toBe(broadcasts * sessions);
    const commands = await redis.commands();
    expectEntries(commands.xadd ?? 0, broadcasts, 2);
    // One read takes one event here; where logs end is looked at now and then.
    expect(commands.xread).toBeLessThanOrEqual(broadcasts + 2);
    costs.push((await redis.commandCount()) / broadcasts);
  }
  const [first = 0] = costs;
  for (const cost of costs) expect(Math.abs(cost - first)).toBeLessThan(1);
});

it("what is broadcast in one turn is written and read together", async () => {
  const redis = await startRedis();
  const { channel } = await crowd(redis, 1);
  for (let count = 0; count < 1000; count++) channel.broadcast(count);
  await channel.published();
  await eventually(() => channel.stats().broadcasts === 1000, "1000 events");
  const { xadd = 0, evalsha = 0, eval: whole = 0, xread = 0 } = await redis.commands();
  expectEntries(xadd, 1000, 8);
  // Scripts of 128 events each, which Redis has to be sent whole once, and looks where logs end now and then.
  expect(evalsha + whole).toBeLessThan(50);
  expect(xread).toBeLessThan(20);
});

import { expect, it } from "vitest";
import { errorOf, eventually } from "../e2e/harness.ts";
import { RedisServer, redisClient, startRedis } from "./redis-server.ts";

it("counts commands, those of scripts too, and not those that connecting takes", async () => {
  const server = await startRedis();
  const client = redisClient(server);
  await client.set("a", "1");
  await client.eval("redis.call('incr', KEYS[1]) return redis.call('incr', KEYS[1])", 1, "a");
  expect(await server.commands()).toEqual({ set: 1, eval: 1, incr: 2 });
  await server.resetCommands();
  expect(await server.commandCount()).toBe(0);
  await client.get("a");
  expect(await server.commandCount()).toBe(1);
  expect(await server.connections()).toBe(1);
});

it("comes back on its port after a kill: with what it had, where that was asked for", async () => {
  for (const appendonly of [false, true]) {
    const server = await startRedis({ appendonly });
    const client = redisClient(server);
    await client.set("a", "1");
    await server.kill();
    await eventually(() => client.status !== "ready", "broken connection");
    await server.restart();
    expect(await client.get("a")).toBe(appendonly ? "1" : null);
  }
});

it("answers nothing while it is paused", async () => {
  const server = await startRedis();
  const client = redisClient(server);
  await client.set("a", "1");
  server.pause();
  let answered = false;
  const answer = client.get("a").then(() => {
    answered = true;
  });
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(answered).toBe(false);
  server.resume();
  await answer;
});

it("says how to get a redis-server where there is none", async () => {
  const { PATH } = process.env;
  process.env.PATH = "/nowhere";
  const server = new RedisServer();
  try {
    const error = await errorOf(() => server.start());
    expect(error.message).toContain("scripts/setup.sh installs it");
  } finally {
    process.env.PATH = PATH;
    await server.close();
  }
});

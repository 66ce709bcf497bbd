import { Redis } from "ioredis";
import { expect, it } from "vitest";
import { blockingConnection, checkClient, type RedisClient } from "../../lib/redis/client.ts";
import { Script } from "../../lib/redis/script.ts";
import { errorOf, within } from "../e2e/harness.ts";
import { redisClient, startRedis } from "./redis-server.ts";

it.each([
  ["nothing", undefined],
  ["a URL", "redis://127.0.0.1"],
  ["a client of another package", { get: () => {}, sendCommand: () => {}, duplicate: () => {} }],
])("%s is no client", async (_, client) => {
  const error = await errorOf(() => checkClient(client));
  expect(error).toMatchObject({ name: "SseError", code: "invalid-option" });
  expect(error.message).toContain("a client of ioredis 5.4 or later");
});

it("a Redis and a Cluster are clients, also by their types", () => {
  const redis = new Redis({ lazyConnect: true });
  const cluster = new Redis.Cluster([], { lazyConnect: true });
  const clients: RedisClient[] = [redis, cluster];
  for (const client of clients) checkClient(client);
});

it("a script is sent whole only when Redis does not know it", async () => {
  const server = await startRedis();
  const client = redisClient(server);
  const script = new Script("return {KEYS[1], ARGV[1]}");
  for (let run = 0; run < 3; run++) {
    expect(await script.run(client, ["k"], ["v"])).toEqual(["k", "v"]);
  }
  expect(await server.commands()).toEqual({ evalsha: 3, eval: 1 });
  await client.script("FLUSH");
  expect(await script.run(client, ["k"], [7])).toEqual(["k", "7"]);
});

it("a script's own error is the caller's", async () => {
  const client = redisClient(await startRedis());
  const error = await errorOf(() =>
    new Script("return redis.error_reply('NO')").run(client, [], []),
  );
  expect(error.message).toContain("NO");
});

it("a blocking command rejects at once when its connection breaks, and the next one comes through", async () => {
  const server = await startRedis();
  const client = redisClient(server, { commandTimeout: 50, connectionName: "app" });
  await client.ping();
  const connection = blockingConnection(client);
  expect(await server.connections()).toBe(1);
  await connection.call("ping");
  expect(await server.connections()).toBe(2);
  const blocked = errorOf(() => connection.call("xread", "BLOCK", 0, "STREAMS", "s", "$"));
  await new Promise((resolve) => setTimeout(resolve, 100));
  await server.kill();
  await within(blocked, "rejection");
  await server.restart();
  await expect.poll(() => connection.call("ping").catch(() => "")).toBe("PONG");
  connection.disconnect();
});

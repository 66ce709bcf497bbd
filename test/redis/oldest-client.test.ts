import { Redis as OldestRedis } from "ioredis-5";
import { describe, expect, it, onTestFinished } from "vitest";
import { redisGenerationStore } from "../../lib/redis/index.ts";
import { storeCases } from "../streaming/generation-store-cases.ts";
import { follow, openProcess, range } from "./backplane-kit.ts";
import { type RedisServer, startRedis } from "./redis-server.ts";

/** A client of the oldest version of ioredis that may be used, with a key prefix of its own. */
function oldestClient(server: RedisServer) {
  const client = new OldestRedis(server.port, "127.0.0.1", { keyPrefix: "app:" });
  client.on("error", () => {});
  onTestFinished(() => client.disconnect());
  // It has what we use of it, and not all that a newer one has.
  return client as unknown as NonNullable<Parameters<typeof openProcess>[2]>;
}

it("reads and writes channels under the client's key prefix", async () => {
  const server = await startRedis();
  const { log, receiver } = follow(openProcess(server, {}, oldestClient(server)));
  for (const data of range(0, 200)) log.append("message", data);
  await receiver.has(200);
  expect(receiver.data).toEqual(range(0, 200));
  expect(receiver.holes).toEqual([]);
  expect(await log.read(null)).toEqual({ entries: receiver.entries });
  const keys = (await server.ask("KEYS", "*")) as string[];
  expect(keys.filter((key) => !key.startsWith("app:stream-llm:"))).toEqual([]);
});

describe("generations", () =>
  storeCases(async () => {
    const server = await startRedis();
    return () => redisGenerationStore({ client: oldestClient(server) });
  }));

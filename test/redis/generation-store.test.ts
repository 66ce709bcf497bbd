import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, onTestFinished } from "vitest";
import { redisGenerationStore } from "../../lib/redis/index.ts";
import { storeCases } from "../streaming/generation-store-cases.ts";
import { freePort, RedisServer, redisClient, startRedis } from "./redis-server.ts";

/** A Cluster of one node, which refuses what it would with many: keys of two slots in one command. */
describe("in a Cluster", () => {
  let server: RedisServer;
  let cases = 0;

  beforeAll(async () => {
    const settings = {
      "cluster-enabled": "yes",
      "cluster-port": String(await freePort()),
      "cluster-announce-ip": "127.0.0.1",
    };
    server = new RedisServer({ settings });
    await server.start();
    await server.ask("CLUSTER", "ADDSLOTSRANGE", "0", "16383");
    while (!String(await server.ask("CLUSTER", "INFO")).includes("cluster_state:ok")) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  });
  afterAll(() => server.close());

  storeCases(async () => {
    const prefix = `case${++cases}`;
    return () => {
      const cluster = new Redis.Cluster([{ host: "127.0.0.1", port: server.port }]);
      cluster.on("error", () => {});
      onTestFinished(() => cluster.disconnect());
      return redisGenerationStore({ client: cluster, prefix });
    };
  });
});

describe.each([
  ["as it comes", {}],
  ["with maps as objects", { replyMapping: "resp3" }],
  ["with RESP2", { protocol: 2 }],
  ["with a key prefix and numbers as text", { keyPrefix: "mine:", stringNumbers: true }],
  ["with pipelines made by itself", { enableAutoPipelining: true }],
] as const)("over a client %s", (_, options) =>
  storeCases(async () => {
    const server = await startRedis();
    return () => redisGenerationStore({ client: redisClient(server, options) });
  }),
);

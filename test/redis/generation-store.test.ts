import { describe } from "vitest";
import { redisGenerationStore } from "../../lib/redis/index.ts";
import { storeCases } from "../streaming/generation-store-cases.ts";
import { redisClient, startRedis } from "./redis-server.ts";

describe("in Redis", () =>
  storeCases(async () => {
    const server = await startRedis();
    return () => redisGenerationStore({ client: redisClient(server) });
  }));

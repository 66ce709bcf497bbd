import { Redis } from "ioredis";
import { redisGenerationStore } from "../../dist/redis/index.js";
import { createGenerations } from "../../dist/streaming/server.js";
import { provider } from "./provider.mjs";

export const label = "stream-llm";

async function* parts(tokens, perSecond) {
  yield { type: "start", id: "a", model: "m" };
  for await (const text of provider(tokens, perSecond)) yield { type: "text", text };
  yield { type: "finish", reason: "stop" };
}

/** As docs/redis.md says, with the default options. */
export async function connect(port) {
  const client = new Redis(port, "127.0.0.1");
  const generations = createGenerations({ store: redisGenerationStore({ client }) });
  return {
    start: (id, tokens, perSecond) => generations.start(id, () => parts(tokens, perSecond)),
    watch: (id, req, res) => generations.attach(id, req, res),
  };
}

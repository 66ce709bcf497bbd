import { type Child, startChild } from "../e2e/child.ts";
import type { RedisServer } from "./redis-server.ts";

/**
 * A server with a process of its own: `POST /ID?tokens=N&ms=PACE` starts a generation whose tokens
 * are "0 ", "1 "…, `GET /ID` watches it, `DELETE /ID` stops it.
 */
const program = `
import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import { redisGenerationStore } from "./lib/redis/index.js";
import { createGenerations } from "./lib/streaming/server.js";

const client = new Redis(process.env.TEST_REDIS);
client.on("error", () => {});
const store = redisGenerationStore({ client, leaseMs: Number(process.env.TEST_LEASE) });
const generations = createGenerations({ store });

async function* provider(tokens, ms) {
  yield { type: "start", model: "m", id: "a" };
  for (let n = 0; n < tokens; n++) {
    await sleep(ms);
    yield { type: "text", text: n + " " };
  }
  yield { type: "finish", reason: "stop" };
}

const server = createServer(async (req, res) => {
  const url = new URL(req.url, "http://x");
  const id = url.pathname.slice(1);
  const number = (name) => Number(url.searchParams.get(name));
  try {
    if (req.method === "POST") {
      await generations.start(id, () => provider(number("tokens"), number("ms")));
      res.writeHead(201).end();
    } else if (req.method === "DELETE") {
      res.end(String(await generations.stop(id)));
    } else if (!(await generations.attach(id, req, res))) {
      res.writeHead(204).end();
    }
  } catch (error) {
    res.writeHead(503).end(error.code);
  }
});
server.listen(0, "127.0.0.1", () => console.log("port " + server.address().port));
`;

export interface GenerationServer {
  child: Child;
  url(id: string, query?: string): string;
  start(id: string, tokens: number, ms: number): Promise<number>;
}

export async function startServer(redis: RedisServer, leaseMs = 2000): Promise<GenerationServer> {
  const env = { TEST_REDIS: redis.url, TEST_LEASE: String(leaseMs) };
  const child = await startChild(program, [], { env });
  const port = await child.line("port", 30_000);
  const url = (id: string, query = "") => `http://127.0.0.1:${port}/${id}${query}`;
  const start = async (id: string, tokens: number, ms: number) => {
    const response = await fetch(url(id, `?tokens=${tokens}&ms=${ms}`), { method: "POST" });
    return response.status;
  };
  return { child, url, start };
}

/** What a generation of so many tokens says. */
export function whole(tokens: number): string {
  return Array.from({ length: tokens }, (_, n) => `${n} `).join("");
}

// A server of the chaos run, until it is killed: sessions of the channel, to which it broadcasts itself, and
// generations: `POST /generations/ID?parts=COUNT&ms=PACE` starts one, `GET /generations/ID` watches it.
import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import { createChannel, createSession } from "stream-llm";
import { redisBackplane, redisGenerationStore } from "stream-llm/redis";
import { createGenerations } from "stream-llm/streaming";
import { leaseMs, partText } from "./generation.mjs";

const [port, redisPort, maxLength] = process.argv.slice(2).map(Number);
const life = process.argv[5];

const client = new Redis({
  ...{ port: redisPort, host: "127.0.0.1", retryStrategy: () => 100 },
  // How long to wait for Redis is for channels and generations to say.
  maxRetriesPerRequest: null,
});
client.on("error", () => {});
const backplane = redisBackplane({ client, maxLength });
// Small, so that what clients lack has to come from Redis as well.
const channel = createChannel({ name: "chaos", backplane, history: { events: 300 } });
channel.on("backplane-error", () => {});

const store = redisGenerationStore({ client, leaseMs });
// Until the end of the run, when what the store has is compared.
const generations = createGenerations({ store, ttl: 24 * 3600 * 1000 });
const sessionOptions = { retry: null, keepAlive: 5000, headers: { "X-Life": life } };

async function* numbered(parts, ms) {
  yield { type: "start", model: "chaos", id: "chaos" };
  const began = performance.now();
  for (let number = 0; number < parts; number++) {
    await sleep(Math.max(0, began + (number + 1) * ms - performance.now()));
    yield { type: "text", text: partText(number) };
  }
  yield { type: "finish", reason: "stop" };
}

async function start(id, parts, ms) {
  const { finished } = await generations.start(id, () => numbered(parts, ms));
  void finished.then(({ status }) => process.send({ finished: { id, status, at: Date.now() } }));
}

async function serve(req, res) {
  const { pathname, searchParams } = new URL(req.url, "http://server");
  const id = /^\/generations\/(.+)$/.exec(pathname)?.[1];
  if (id === undefined) {
    channel.register(await createSession(req, res, sessionOptions));
  } else if (req.method === "POST") {
    await start(id, Number(searchParams.get("parts")), Number(searchParams.get("ms")));
    res.writeHead(201, { "X-Life": life }).end();
  } else if (!(await generations.attach(id, req, res, sessionOptions))) {
    res.writeHead(404).end();
  }
}

createServer((req, res) => {
  serve(req, res).catch((error) => res.headersSent || res.writeHead(503).end(error.code));
}).listen({ port, host: "127.0.0.1", backlog: 4096 }, () => process.send({ ready: true }));

let number = 0;
async function broadcast() {
  channel.broadcast({ life, number: number++ }, "life");
  const sent = number;
  await channel.published();
  // What is told here must reach every client, though this process may die right after.
  process.send({ published: sent, sessions: channel.sessionCount, generations: generations.size });
}

process.once("message", () => setInterval(() => void broadcast(), 200));
process.once("disconnect", () => process.exit());

// A server of the chaos run: it serves sessions of the channel and broadcasts itself, until it is killed.
import { createServer } from "node:http";
import { Redis } from "ioredis";
import { createChannel, createSession } from "stream-llm";
import { redisBackplane } from "stream-llm/redis";

const [port, redisPort, maxLength] = process.argv.slice(2).map(Number);
const life = process.argv[5];

const client = new Redis({ port: redisPort, host: "127.0.0.1", retryStrategy: () => 100 });
client.on("error", () => {});
const backplane = redisBackplane({ client, maxLength });
// Small, so that what clients lack has to come from Redis as well.
const channel = createChannel({ name: "chaos", backplane, history: { events: 300 } });
channel.on("backplane-error", () => {});

createServer(async (req, res) => {
  const session = await createSession(req, res, { retry: null, keepAlive: 5000 });
  channel.register(session);
}).listen({ port, host: "127.0.0.1", backlog: 4096 }, () => process.send({ ready: true }));

let number = 0;
async function broadcast() {
  channel.broadcast({ life, number: number++ }, "life");
  const sent = number;
  await channel.published();
  // What is told here must reach every client, though this process may die right after.
  process.send({ published: sent, sessions: channel.sessionCount });
}

process.once("message", () => setInterval(() => void broadcast(), 200));
process.once("disconnect", () => process.exit());

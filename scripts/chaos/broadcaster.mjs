// Broadcasts all the time, and is not killed. It has no sessions.
import { Redis } from "ioredis";
import { createChannel } from "stream-llm";
import { redisBackplane } from "stream-llm/redis";

const [redisPort, maxLength, perSecond] = process.argv.slice(2).map(Number);
const client = new Redis({ port: redisPort, host: "127.0.0.1", retryStrategy: () => 100 });
client.on("error", () => {});
const backplane = redisBackplane({ client, maxLength });
const channel = createChannel({ name: "chaos", backplane });
channel.on("backplane-error", () => {});

let number = 0;
const broadcast = () => channel.broadcast({ number: number++ }, "all");

const orders = {
  async first() {
    broadcast();
    await channel.published();
  },
  async run({ seconds }) {
    const end = performance.now() + seconds * 1000;
    for (let due = performance.now(); due < end; ) {
      for (; due <= performance.now(); due += 1000 / perSecond) broadcast();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await channel.published();
  },
  async bye({ next }) {
    channel.broadcast({ next: { ...next, all: number } }, "bye");
    await channel.published();
  },
  async presence({ sessions }) {
    while ((await channel.presence()).sessions < sessions) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  },
};

process.on("message", async ({ order, ...rest }) => {
  await orders[order](rest);
  process.send({ done: order, number, presence: await channel.presence() });
});
process.once("disconnect", () => process.exit());
process.send({ ready: true });

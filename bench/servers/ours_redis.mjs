// stream-llm, the socket lane, with a backplane: what is broadcast goes through a Redis of its own.
import { setTimeout as sleep } from "node:timers/promises";
import { Redis as Client } from "ioredis";
import * as library from "../../dist/index.js";
import { redisBackplane } from "../../dist/redis/index.js";
import { endAll, freePorts, Redis } from "../../scripts/chaos/processes.mjs";
import { now, TEXT } from "./control.mjs";
import { serveSessions } from "./session_library.mjs";

const [port] = await freePorts(1);
await new Redis(port, true).start();
process.on("exit", endAll);

const backplane = redisBackplane({ client: new Client(port, "127.0.0.1") });
const channel = library.createChannel({ name: "bench", backplane });

/** What comes before there are clients must not come to them. */
async function warmUp() {
  for (let count = 0; count < 5000; count++) channel.broadcast({ seq: 0, at: now(), text: TEXT });
  while (channel.stats().broadcasts < 5000) await sleep(10);
}

const { createSession } = library;
await serveSessions({ createSession, createChannel: () => channel }, undefined, (sessions) => ({
  stats() {
    const lanes = {};
    for (const { transport } of sessions) lanes[transport] = (lanes[transport] ?? 0) + 1;
    return lanes;
  },
  commands: { warmUp },
}));

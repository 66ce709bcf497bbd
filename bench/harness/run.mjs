import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "./client.mjs";
import { contenders } from "./contenders.mjs";
import { Server } from "./server.mjs";

/**
 * Flags of Node for the scenarios that measure memory. V8 keeps up to 32 MiB of its young generation
 * resident, the more the more garbage there was: that would be counted as the sessions', though it
 * stays the same whatever their number.
 */
export const smallYoungGeneration = ["--max-semi-space-size=1"];

/** Waits until the server has made a session for every connection. */
export async function settled(server, sessions) {
  for (let tries = 0; tries < 600; tries++) {
    const have = await server.ask("sessions");
    if (have >= sessions) return;
    await sleep(50);
  }
  throw new Error(`the server has not made ${sessions} sessions within 30 s`);
}

/** A figure of the wrong lane must not pass for one of the right lane. */
async function checkLane(server, lane) {
  const lanes = await server.ask("stats");
  if (Object.keys(lanes).join() !== lane) {
    throw new Error(`sessions by lane: ${JSON.stringify(lanes)}, expected all on "${lane}"`);
  }
}

/**
 * Starts a contender and a client with `connections`, calls `body({ server, client })`, ends both.
 * @param clientOptions those of Client, and `flags` of the server's Node, `prepare(server)` before
 * clients come
 * @returns what `body` returns
 */
export async function withServer(contender, clientOptions, body) {
  const server = new Server(contender, clientOptions.flags);
  let client;
  try {
    await server.open();
    await server.ask("warmUp");
    await clientOptions.prepare?.(server);
    client = new Client({ port: server.port, ...clientOptions });
    await client.ready();
    await settled(server, clientOptions.connections + (clientOptions.stalled ?? 0));
    const { lane } = contenders[contender];
    if (lane) await checkLane(server, lane);
    return await body({ server, client });
  } finally {
    await client?.close();
    await server.close();
  }
}

/**
 * One phase: the server sends, the client has it all.
 * @returns what both tell of it, with `cpu` in microseconds and `seconds` from the first send to the
 * last arrival
 */
export function phase(both, command, options) {
  return measured(both, () => both.server.ask(command, options));
}

/** As {@link phase}; whoever makes the server send, `send()` tells when it began. */
export async function measured({ server, client }, send) {
  await server.ask("mark");
  const arrived = client.phase();
  // Whichever fails first is heard: a server that has died must not wait for the client's deadline.
  const [sent, received] = await Promise.all([send(), arrived]);
  const usage = await server.ask("usage");
  const seconds = (received.lastAt - sent.startedAt) / 1e9;
  return { ...sent, ...usage, ...received, seconds, rate: received.events / seconds };
}

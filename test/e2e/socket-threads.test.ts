import { describe, expect, it } from "vitest";
import { preamble, startChild } from "./child.ts";
import { RawClient, within } from "./harness.ts";
import { onSocketLane } from "./lane.ts";

const sessions = 40;
const rounds = 200;

/** Broadcasts and pushes to all sessions by turns, ends them, and says how many threads came with them. */
const program = `${preamble}
import { readdirSync } from "node:fs";
import { closeAll } from "./lib/index.js";
const threads = () => readdirSync("/proc/self/task").length;
const channel = createChannel({ eventId: null });
let before;
const server = createServer(async (req, res) => {
  before ??= threads();
  channel.register(await createSession(req, res, { ...options, retry: null, eventId: null }));
  if (channel.sessionCount < ${sessions}) return;
  console.log("threads", threads() - before);
  for (let round = 0; round < ${rounds}; round++) {
    channel.broadcast(round, "all");
    for (const session of channel.activeSessions) session.push(round, "own");
    if (round % 7 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  server.close();
  await closeAll({ retry: null });
  server.closeIdleConnections();
});
console.log("port", await listening(server));
`;

/** Runs it, checks what each client gets, and returns the number of threads. */
async function threadsWith(value: string): Promise<number> {
  const child = await startChild(program, [], { env: { STREAM_LLM_IO_THREADS: value } });
  const port = Number(await child.line("port"));
  const clients = await Promise.all(
    Array.from({ length: sessions }, () => RawClient.get(port, "/")),
  );
  const expected = Array.from(
    { length: rounds },
    (_, round) => `event:all\ndata:${round}\n\nevent:own\ndata:${round}\n\n`,
  ).join("");
  for (const client of clients) {
    await client.bodyIsWhole();
    expect(client.body).toBe(expected);
  }
  expect(await within(child.exit, `exit; output: ${child.output()}`)).toBe(0);
  return Number(await child.line("threads"));
}

describe("STREAM_LLM_IO_THREADS", () => {
  it("spreads the sessions over so many threads; each gets everything in order", async () => {
    expect(await threadsWith("3")).toBe(onSocketLane ? 3 : 0);
  });

  it.each([
    ["0", 1],
    ["abc", 1],
    ["", 1],
    ["-1", 1],
    ["1000", 15],
    ["1e9", 1],
    ["99999999999999999999", 15],
  ])("is between 1 and 15, also where it says %j", async (value, threads) => {
    expect(await threadsWith(value)).toBe(onSocketLane ? threads : 0);
  });
});

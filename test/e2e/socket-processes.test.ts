import { describe, expect, it } from "vitest";
import { type Child, preamble as childPreamble, startChild } from "./child.ts";
import { parseStream, RawClient, requestHead, within } from "./harness.ts";
import { lane, onSocketLane } from "./lane.ts";

const preamble = `${childPreamble}
import { readdirSync } from "node:fs";
import { closeAll, engineStats } from "./lib/index.js";
const turn = () => new Promise((resolve) => setImmediate(resolve));
const descriptors = () => readdirSync("/proc/self/fd").length;
`;

async function expectExit(child: Child, code: number | string = 0) {
  expect(await within(child.exit, `exit; output: ${child.output()}`, 30_000)).toBe(code);
  expect(child.output()).not.toMatch(/SseError|unhandled|abort|fatal/i);
}

describe("thousands of clients that vanish at once", () => {
  it("leave nothing behind, and those who stay get everything", async () => {
    const count = 3000;
    const server = await startChild(`${preamble}
const channel = createChannel({ eventId: null });
const server = createServer(async (req, res) => {
  const session = await createSession(req, res, options);
  channel.register(session);
  if (channel.sessionCount === ${count} + 1) console.log("all", session.transport);
});
server.listen({ port: 0, host: "127.0.0.1", backlog: 4096 }, () => console.log("port", server.address().port));
const before = descriptors();
process.stdin.once("data", async () => {
  let sequence = 0;
  while (channel.sessionCount > 1) {
    channel.broadcast(sequence++, "tick");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  channel.broadcast(sequence, "last");
  await closeAll({ retry: null });
  server.close();
  const start = performance.now();
  // Those of the stayer, the server and the engine's thread are part of any count.
  while (descriptors() > before + 4 && performance.now() - start < 10000) await turn();
  const { sessions, disconnected } = engineStats();
  console.log("left", JSON.stringify({ more: descriptors() - before, sessions, disconnected, sequence }));
  process.stdin.unref();
});
`);
    const port = Number(await server.line("port"));
    const crowd = await startChild(`
import { connect } from "node:net";
let connected = 0;
const open = () => {
  const socket = connect(${port}, "127.0.0.1").resume();
  socket.write(${JSON.stringify(requestHead("/"))});
  socket.once("data", () => {
    if (++connected === ${count}) console.log("here");
    else if (started < ${count}) open(started++);
  });
};
let started = 200;
for (let index = 0; index < 200; index++) open();
`);
    await crowd.line("here", 60_000);
    const stayer = await RawClient.get(port, "/");
    expect(await server.line("all", 20_000)).toBe(lane);
    server.process.stdin?.write("go\n");
    await stayer.bodyIncludes("data:3\n\n");
    crowd.process.kill("SIGKILL");
    const left = JSON.parse(await server.line("left", 60_000));
    await stayer.bodyIsWhole();
    const ticks = parseStream(stayer.body).events.map(({ event, data }) => [event, Number(data)]);
    const expected = Array.from({ length: left.sequence }, (_, n) => ["tick", n]);
    expect(ticks).toEqual([...expected, ["last", left.sequence]]);
    expect(left).toMatchObject({
      sessions: { stream: 0, socket: 0 },
      disconnected: { "client-closed": count, closed: 1 },
    });
    expect(left.more).toBeLessThanOrEqual(4);
    await expectExit(server);
  }, 150_000);
});

describe.runIf(onSocketLane)("a process with few descriptors", () => {
  it("has sessions on the other lane when there is none for the engine, and says how many", async () => {
    const child = await startChild(
      `${preamble}
import { closeSync, openSync } from "node:fs";
const channel = createChannel();
const taken = [];
const server = createServer(async (req, res) => {
  if (req.url === "/scarce") for (;;) {
    try { taken.push(openSync("/dev/null")); } catch { break; }
  }
  const session = await createSession(req, res, options);
  channel.register(session);
  session.push("hello " + session.transport);
  while (taken.length > 0) closeSync(taken.pop());
});
const port = await listening(server);
console.log("port", port);
process.stdin.once("data", async () => {
  channel.broadcast("to all");
  await closeAll({ retry: null });
  console.log("stats", JSON.stringify(engineStats()));
  server.close();
  process.stdin.unref();
});
`,
      [],
      { descriptors: 64 },
    );
    const port = Number(await child.line("port"));
    const paths = ["/scarce", "/", "/scarce", "/scarce", "/"];
    const clients: RawClient[] = [];
    for (const path of paths) {
      const client = await RawClient.get(port, path);
      await client.bodyIncludes(path === "/scarce" ? "hello stream" : "hello socket");
      clients.push(client);
    }
    child.process.stdin?.write("go\n");
    for (const client of clients) {
      await client.bodyIsWhole();
      expect(client.body).toContain('data:"to all"\n\n');
    }
    const stats = JSON.parse(await child.line("stats"));
    expect(stats).toMatchObject({ fallbacks: 3, disconnected: { closed: 5 } });
    await expectExit(child);
  });
});

/** Pushes from the main thread or a worker until somebody ends it. */
const pushing = `
const server = createServer(async (req, res) => {
  const session = await createSession(req, res, { ...options, maxBufferedBytes: 1 << 26, eventId: null });
  let sequence = 0;
  const push = () => {
    for (let each = 0; each < 10 && session.isConnected; each++) {
      session.push({ sequence: sequence++, filling: "f".repeat(1000) });
    }
    if (sequence < 20000 && session.isConnected) setImmediate(push);
  };
  push();
});
`;

/** What came is whole events, one after another, save perhaps the last. */
function expectWhole(client: RawClient) {
  const end = client.body.lastIndexOf("\n\n") + 2;
  const { events, errors } = parseStream(client.body.slice(0, end));
  expect(errors).toEqual([]);
  expect(events.length).toBeGreaterThan(0);
  expect(events.map(({ data }) => JSON.parse(data).sequence)).toEqual([...events.keys()]);
}

describe("a worker thread", () => {
  it("has sessions of its own, and may be terminated while they write", async () => {
    const child = await startChild(`${preamble}
import { isMainThread, parentPort, Worker } from "node:worker_threads";
${pushing}
if (isMainThread) {
  const before = descriptors();
  for (let round = 0; round < 8; round++) {
    const worker = new Worker(new URL(import.meta.url));
    const port = await new Promise((resolve) => worker.once("message", resolve));
    console.log("port-" + round, port);
    await new Promise((resolve) => process.stdin.once("data", resolve));
    await worker.terminate();
  }
  const start = performance.now();
  while (descriptors() > before + 1 && performance.now() - start < 10000) await turn();
  console.log("more", descriptors() - before);
  process.stdin.unref();
} else {
  parentPort.postMessage(await listening(server));
}
`);
    for (let round = 0; round < 8; round++) {
      const port = Number(await child.line(`port-${round}`, 20_000));
      const reading = await Promise.all([RawClient.get(port, "/"), RawClient.get(port, "/")]);
      const stalled = await RawClient.stalled(port, "/");
      for (const client of reading) await client.bodyIncludes(`"sequence":${round * 100},`);
      child.process.stdin?.write("end\n");
      stalled.read();
      for (const client of [...reading, stalled]) {
        await within(client.ended, "end of the connection", 20_000);
        if (client !== stalled) expectWhole(client);
      }
    }
    // Standard input, once it is read from.
    expect(Number(await child.line("more", 20_000))).toBeLessThanOrEqual(1);
    await expectExit(child);
  }, 120_000);

  it("has sessions in many threads at once", async () => {
    const child = await startChild(`${preamble}
import { isMainThread, parentPort, Worker } from "node:worker_threads";
const answer = createServer(async (req, res) => {
  const session = await createSession(req, res, { ...options, retry: null, eventId: null });
  for (let sequence = 0; sequence < 500; sequence++) {
    session.push(req.url + " " + sequence);
    if (sequence % 50 === 0) await turn();
  }
  await session.close();
});
if (isMainThread) {
  const workers = Array.from({ length: 4 }, () => new Worker(new URL(import.meta.url)));
  const ports = workers.map((worker) => new Promise((resolve) => worker.once("message", resolve)));
  console.log("ports", JSON.stringify([await listening(answer), ...(await Promise.all(ports))]));
  process.stdin.once("data", async () => {
    for (const worker of workers) await worker.terminate();
    answer.close();
    answer.closeIdleConnections();
    process.stdin.unref();
  });
} else {
  parentPort.postMessage(await listening(answer));
}
`);
    const ports: number[] = JSON.parse(await child.line("ports", 30_000));
    const asked = ports.flatMap((port) => ["/a", "/b", "/c"].map((path) => ({ port, path })));
    await Promise.all(
      asked.map(async ({ port, path }) => {
        const client = await RawClient.get(port, path);
        await client.bodyIsWhole();
        const lines = Array.from({ length: 500 }, (_, n) => `data:"${path} ${n}"\n\n`);
        expect(client.body).toBe(lines.join(""));
        await client.destroy();
      }),
    );
    child.process.stdin?.write("end\n");
    await expectExit(child);
  }, 90_000);
});

describe("process.exit()", () => {
  it.each(["push", "turn", "timer", "listener"])(
    "right after a push (%s) does not take back what was pushed",
    async (moment) => {
      const child = await startChild(`${preamble}
const moment = ${JSON.stringify(moment)};
const server = createServer(async (req, res) => {
  const session = await createSession(req, res, { ...options, retry: null, eventId: null });
  if (moment === "listener") process.on("exit", () => {});
  for (let sequence = 0; sequence < 50; sequence++) session.push(sequence);
  if (moment === "turn") await turn();
  if (moment === "timer") await new Promise((resolve) => setTimeout(resolve, 10));
  process.exit(7);
});
console.log("port", await listening(server));
`);
      const client = await RawClient.get(Number(await child.line("port")), "/");
      await within(client.ended, "end of the connection");
      await expectExit(child, 7);
      const expected = Array.from({ length: 50 }, (_, n) => `data:${n}\n\n`).join("");
      // On the pull lane what was pushed in this turn of the loop has not been handed to Node yet.
      const isSameTurn = moment === "push" || moment === "listener";
      if (onSocketLane || !isSameTurn) expect(client.body).toBe(expected);
    },
  );

  it("may come at any moment", async () => {
    for (let after = 0; after < 8; after++) {
      const child = await startChild(`${preamble}${pushing}
console.log("port", await listening(server));
process.stdin.once("data", () => setTimeout(() => process.exit(0), ${after * 3}));
`);
      const port = Number(await child.line("port"));
      const client = await RawClient.get(port, "/");
      const stalled = await RawClient.stalled(port, "/");
      await client.bodyIncludes('"sequence":20,');
      child.process.stdin?.write("exit\n");
      await expectExit(child);
      await within(client.ended, "end of the connection");
      expectWhole(client);
      stalled.read();
      await within(stalled.ended, "end of the stalled connection");
    }
  }, 90_000);
});

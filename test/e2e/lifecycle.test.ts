import { describe, expect, it } from "vitest";
import { type Child, preamble, startChild } from "./child.ts";
import { RawClient, within } from "./harness.ts";

/** The process ends by itself, without a word of trouble. */
async function expectCleanExit(child: Child) {
  const code = await within(child.exit, `exit; output: ${child.output()}`);
  expect({ code, output: child.output() }).toEqual({
    code: 0,
    output: expect.not.stringMatching(/error|warning|abort/i),
  });
}

describe("10 000 clients that connect and disconnect", () => {
  it("leave memory and handles flat", async () => {
    const child = await startChild(
      `${preamble}
import { readdirSync } from "node:fs";
const channel = createChannel();
let disconnected = 0;
const server = createServer(async (req, res) => {
  const session = await createSession(req, res, options);
  session.once("disconnected", () => disconnected++);
  channel.register(session);
  session.push("hello");
});
const port = await listening(server);

const cycle = (index) => new Promise((resolve) => {
  const socket = connect({ port, host: "127.0.0.1" });
  let text = "";
  socket.write("GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n");
  socket.on("data", (chunk) => {
    text += chunk;
    if (!text.includes("hello")) return;
    // Every third client breaks off without a word.
    if (index % 3 === 0) socket.resetAndDestroy();
    else socket.destroy();
  });
  socket.on("error", () => {});
  socket.once("close", resolve);
});

let next = 0;
async function cycles(count) {
  const end = next + count;
  const worker = async () => {
    while (next < end) await cycle(next++);
  };
  await Promise.all(Array.from({ length: 32 }, worker));
  while (disconnected < end) await new Promise((resolve) => setImmediate(resolve));
}

async function measure() {
  for (let turn = 0; turn < 5; turn++) {
    gc();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return {
    rss: process.memoryUsage().rss,
    heap: process.memoryUsage().heapUsed,
    descriptors: readdirSync("/proc/self/fd").length,
    resources: process.getActiveResourcesInfo().filter((name) => !/Timeout|Immediate/.test(name)).sort(),
    sessions: channel.sessionCount,
  };
}

// Until V8 has sized its heap: plain Node grows by 15 MiB meanwhile.
await cycles(8000);
const before = await measure();
await cycles(10000);
const after = await measure();
server.close();
console.log("measured", JSON.stringify({ before, after, disconnected }));
`,
      ["--expose-gc"],
    );
    const { before, after, disconnected } = JSON.parse(await child.line("measured", 120_000));
    expect(disconnected).toBe(18_000);
    expect(after.sessions).toBe(0);
    expect(after.descriptors).toBe(before.descriptors);
    expect(after.resources).toEqual(before.resources);
    // 10 000 sessions that each left 1 KiB behind would be 10 MiB.
    expect((after.heap - before.heap) / 2 ** 20).toBeLessThan(2);
    expect((after.rss - before.rss) / 2 ** 20).toBeLessThan(8);
    await expectCleanExit(child);
  }, 150_000);
});

describe("a process", () => {
  const serve = `${preamble}
const channel = createChannel();
const server = createServer(async (req, res) => {
  if (req.url === "/quit") {
    res.setHeader("Connection", "close");
    res.end("quitting");
    server.close();
    console.log("closing");
    if (req.headers["x-close"]) for (const session of channel.activeSessions) await session.close();
    return;
  }
  const session = await createSession(req, res, options);
  channel.register(session);
  session.push("hello");
  console.log("session");
});
console.log("port", await listening(server));
`;

  it("exits by itself after server.close() and the last client's leaving", async () => {
    const child = await startChild(serve);
    const port = Number(await child.line("port"));
    const client = await RawClient.get(port, "/");
    await client.bodyIncludes("hello");
    await (await RawClient.get(port, "/quit")).bodyIsWhole();
    await child.line("closing");
    expect(child.process.exitCode).toBe(null);
    await client.destroy();
    await expectCleanExit(child);
  });

  it("exits by itself after server.close() and session.close() for each session", async () => {
    const child = await startChild(serve);
    const port = Number(await child.line("port"));
    const ask = { headers: { Connection: "close" } };
    const clients = [await RawClient.get(port, "/", ask), await RawClient.get(port, "/", ask)];
    for (const client of clients) await client.bodyIncludes("hello");
    await (await RawClient.get(port, "/quit", { headers: { "X-Close": "1" } })).bodyIsWhole();
    for (const client of clients) await client.bodyIsWhole();
    await expectCleanExit(child);
  });

  it("is not kept alive by sessions, channels and signals alone", async () => {
    const child = await startChild(`${preamble}
const channel = createChannel();
const never = createResponse(new Request("http://localhost/"), options, () => {});
const open = createResponse(new Request("http://localhost/"), options, (session) => {
  channel.register(session);
  session.push("hello");
  session.signal.addEventListener("abort", () => {});
  void session.drained();
});
const { value } = await open.body.getReader().read();
console.log("read", value.length > 0);
`);
    expect(await child.line("read")).toBe("true");
    await expectCleanExit(child);
  });

  it("works again in each worker thread, and in the main thread after they end", async () => {
    const child = await startChild(`${preamble}
import { isMainThread, Worker } from "node:worker_threads";
const text = async () => {
  const response = createResponse(new Request("http://localhost/"), { ...options, retry: null }, (session) => {
    session.push("hello", "message", "1");
    void session.close();
  });
  return await response.text();
};
if (isMainThread) {
  const before = await text();
  for (let round = 0; round < 3; round++) {
    const workers = [new Worker(new URL(import.meta.url)), new Worker(new URL(import.meta.url))];
    await Promise.all(workers.map((worker) => new Promise((resolve, reject) => {
      worker.once("error", reject).once("exit", (code) => code === 0 ? resolve() : reject(code));
    })));
  }
  console.log("same", before === await text());
} else if (await text() !== "id:1\\ndata:\\"hello\\"\\n\\n") {
  throw new Error("other bytes in a worker");
}
`);
    expect(await child.line("same", 20_000)).toBe("true");
    await expectCleanExit(child);
  }, 40_000);
});

describe("an async Express 4 handler whose client leaves early", () => {
  it("does not bring the process down, wherever the client leaves", async () => {
    const child = await startChild(`${preamble}
import express from "express4";
const app = express();
let handled = 0;
app.get("/sse", async (req, res) => {
  // As long as a database query would take: from no turn of the loop at all to several.
  for (let turn = Number(req.query.turns); turn > 0; turn--) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  const session = await createSession(req, res, options);
  session.push("hello");
  handled++;
  await session.iterate(["one", "two"]);
});
app.get("/gone", async (req, res) => {
  await new Promise((resolve) => req.socket.once("close", resolve));
  const session = await createSession(req, res, options);
  session.push("hello");
  handled++;
});
app.get("/handled", (req, res) => res.end(String(handled)));
const server = createServer(app);
console.log("port", await listening(server));
`);
    const port = Number(await child.line("port"));
    for (let turns = 0; turns < 20; turns++) {
      for (const path of [`/sse?turns=${turns}`, "/gone"]) {
        const client = await RawClient.connect(port);
        client.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
        if (turns % 2 === 0) await client.reset();
        else await client.destroy();
      }
    }
    const healthy = await RawClient.get(port, "/sse?turns=1");
    await healthy.bodyIncludes('data:"two"\n\n');
    await (await RawClient.get(port, "/handled")).bodyIsWhole();
    expect(child.process.exitCode).toBe(null);
    expect(child.output()).not.toMatch(/unhandled|SseError/i);
  });
});

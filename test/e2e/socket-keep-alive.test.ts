import { Agent, createServer, get, type IncomingMessage, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { createSession } from "../../lib/index.ts";
import { eventually, listen, RawClient, requestHead, sessionOptions, within } from "./harness.ts";
import { lane } from "./lane.ts";

const headers = {
  "Content-Type": "text/event-stream",
  "Cache-Control": "no-cache, no-transform",
  "X-Accel-Buffering": "no",
  Connection: "keep-alive",
};

const texts = ["one", "two", "x".repeat(5000)];
const later = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Answers `/sse` with `texts`, `/plain` with a text: by a session of ours, or by Node alone. */
async function serve(ours: boolean) {
  const transports: string[] = [];
  const stream = async (req: IncomingMessage, res: ServerResponse) => {
    if (ours) {
      const options = sessionOptions({ retry: null, eventId: null, serializer: String });
      const session = await createSession(req, res, options);
      transports.push(session.transport);
      for (const text of texts) {
        session.push(text);
        await later(5);
      }
      await session.close();
      return;
    }
    res.writeHead(200, headers);
    for (const text of texts) {
      res.write(`data:${text}\n\n`);
      await later(5);
    }
    res.end();
  };
  const server = createServer((req, res) => {
    res.setHeader("Date", "now");
    if (req.url === "/sse") void stream(req, res);
    else res.end("plain");
  });
  return { ...(await listen(server)), server, transports };
}

/** The bytes of all answers, asked for at once or each after the one before. */
async function answers(port: number, paths: string[], together: boolean): Promise<RawClient> {
  const client = await RawClient.connect(port);
  if (together) client.write(paths.map((path) => requestHead(path)).join(""));
  for (const [index, path] of paths.entries()) {
    if (!together) client.write(requestHead(path));
    await client.bodyIsWhole(index);
  }
  return client;
}

describe("a connection", () => {
  it.each([
    ["in one packet", true, ["/sse", "/plain", "/sse"]],
    ["one after another", false, ["/sse", "/sse", "/plain", "/sse", "/plain"]],
  ])("gives, to requests sent %s, what plain Node does", async (_name, together, paths) => {
    const ours = await serve(true);
    const theirs = await serve(false);
    const got = await answers(ours.port, paths, together);
    const expected = await answers(theirs.port, paths, together);
    // Requests behind others find no socket to attach to.
    expect(ours.transports).toEqual(
      paths
        .filter((path) => path === "/sse")
        .map((_, index) => (together && index > 0 ? "stream" : lane)),
    );
    const bodies = (client: RawClient) => client.responses.map(({ body }) => body.toString());
    expect(bodies(got)).toEqual(bodies(expected));
    // The pull lane is free to make fewer chunks of the same bytes.
    if (!ours.transports.includes("stream")) expect(got.text).toBe(expected.text);
    expect(ours.sockets.size).toBe(1);
  });

  it("is used again by Node's agent for session after session", async () => {
    const { port, transports, sockets } = await serve(true);
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    onTestFinished(() => agent.destroy());
    const used = new Set<Socket>();
    for (let round = 0; round < 20; round++) {
      const path = round % 4 === 3 ? "/plain" : "/sse";
      const response = await within(
        new Promise<IncomingMessage>((resolve) => get({ port, path, agent }, resolve)),
        "response",
      );
      used.add(response.socket);
      let body = "";
      for await (const part of response.setEncoding("utf8")) body += part;
      expect(body).toBe(
        path === "/plain" ? "plain" : texts.map((text) => `data:${text}\n\n`).join(""),
      );
    }
    expect(used.size).toBe(1);
    expect(sockets.size).toBe(1);
    expect(new Set(transports)).toEqual(new Set([lane]));
  });

  it("is closed when it idles after a session, but not before", async () => {
    const { port, server } = await serve(true);
    server.keepAliveTimeout = 100;
    const client = await answers(port, ["/sse"], false);
    await within(client.ended, "end of the idle connection");
    expect(client.responses).toHaveLength(1);
  });
});

describe("timeouts of Node", () => {
  async function live(before: (req: IncomingMessage, res: ServerResponse) => void) {
    const server = createServer(async (req, res) => {
      before(req, res);
      const options = sessionOptions({ retry: null, serializer: String, keepAlive: 20 });
      const session = await createSession(req, res, options);
      expect(session.transport).toBe(lane);
      await later(400);
      session.push("still here");
      await session.close();
    });
    return { server, ...(await listen(server)) };
  }

  async function lives(port: number) {
    const client = await RawClient.get(port, "/");
    await client.bodyIsWhole();
    expect(client.body).toContain("data:still here\n\n");
    return client;
  }

  it("of the server do not end a live stream", async () => {
    const { server, port } = await live(() => {});
    server.timeout = 100;
    server.keepAliveTimeout = 100;
    server.headersTimeout = 100;
    server.requestTimeout = 100;
    await lives(port);
  });

  it.each(["request", "response", "socket"] as const)("of the %s do not", async (what) => {
    const { port } = await live((req, res) => {
      if (what === "request") req.setTimeout(100);
      else if (what === "response") res.setTimeout(100);
      else req.socket.setTimeout(100);
    });
    await lives(port);
  });

  it("do not, though their listeners would", async () => {
    const { server, port } = await live((req, res) => {
      req.socket.setTimeout(100, () => req.socket.destroy());
      res.setTimeout(100, () => res.destroy());
    });
    server.setTimeout(100, (socket) => socket.destroy());
    await lives(port);
  });

  it("hold again for what comes after the session", async () => {
    const { server, port, sockets } = await live((req) => {
      if (req.url === "/") req.socket.setTimeout(150);
    });
    server.keepAliveTimeout = 0;
    const client = await lives(port);
    await within(client.ended, "end of the idle connection");
    await eventually(() => sockets.size === 0, "closed socket");
  });
});

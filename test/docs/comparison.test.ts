/** Each line of the README's table against better-sse, run with both packages. */
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { connect } from "node:net";
import * as betterSse from "better-sse";
import express from "express";
import { expect, test } from "vitest";
import * as streamLlm from "../../lib/index.ts";
import { deferred, listen, parseStream, turns, within } from "../e2e/harness.ts";
import { readTable } from "./markdown.ts";

type Library = typeof betterSse | typeof streamLlm;
type Options = betterSse.SessionOptions;
type Served = { session: betterSse.Session; res: ServerResponse };

const createSession = (library: Library) => library.createSession as typeof betterSse.createSession;
const createChannel = (library: Library) => library.createChannel as typeof betterSse.createChannel;
const createResponse = (library: Library) =>
  library.createResponse as typeof betterSse.createResponse;

/** A server, and the first session it makes. */
async function serve(library: Library, options: Options = {}) {
  const served = deferred<Served>();
  const app = express().use(express.json());
  const server = createServer(app);
  app.use(async (req: IncomingMessage, res: ServerResponse) => {
    const session = await createSession(library)(req, res, options);
    served.resolve({ session, res });
  });
  return { ...(await listen(server)), served: within(served.promise, "session") };
}

/** What a client parses of what `push` sends. */
async function sent(
  library: Library,
  options: Options,
  push: (session: Served["session"]) => void,
) {
  const { origin, served } = await serve(library, options);
  const response = await fetch(origin);
  const { session, res } = await served;
  push(session);
  res.end();
  return parseStream(new Uint8Array(await within(response.arrayBuffer(), "end of the stream")));
}

/** Opens a session by a request that the client then gives up. */
async function abandon(
  library: Library,
  init: RequestInit,
  before?: (session: Served["session"]) => void,
) {
  const { origin, served } = await serve(library);
  const controller = new AbortController();
  await fetch(origin, { ...init, signal: controller.signal });
  const { session, res } = await served;
  before?.(session);
  const closed = once(res, "close");
  controller.abort();
  await within(closed, "closed response");
  await turns(10);
  return session;
}

/** What waits in this process for a client that never reads 32 MiB of events. */
async function waitingForStalled(library: Library): Promise<number> {
  const { port, served } = await serve(library);
  const client = connect(port, "127.0.0.1");
  client.pause();
  client.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  const { session, res } = await served;
  const event = "x".repeat(64 * 1024);
  let most = 0;
  for (let pushed = 0; pushed < 512 && session.isConnected; pushed++) {
    session.push(event);
    await turns(1);
    const { bufferedBytes = 0 } = session as { bufferedBytes?: number };
    most = Math.max(most, res.writableLength + bufferedBytes);
  }
  client.destroy();
  return most;
}

/** Whether `iterate` settles, and its source is told, when the client goes between two values. */
async function iterateWithoutClient(library: Library) {
  let iterating = "waits";
  let source = "open";
  const values = {
    [Symbol.asyncIterator]: () => ({
      next: () => new Promise<IteratorResult<string>>(() => {}),
      return: async () => {
        source = "returned";
        return { done: true as const, value: undefined };
      },
    }),
  };
  await abandon(library, {}, (session) => {
    session.iterate(values).then(() => {
      iterating = "ended";
    });
  });
  return { iterating, source };
}

/** The number of comments in 1.2 s with an event every 20 ms and a keep-alive of 400 ms. */
async function commentsBetweenEvents(library: Library): Promise<number> {
  const { origin, served } = await serve(library, { keepAlive: 400 });
  const response = await fetch(origin);
  const { session, res } = await served;
  for (let pushed = 0; pushed < 60; pushed++) {
    session.push(pushed);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  res.end();
  return parseStream(new Uint8Array(await response.arrayBuffer())).comments.length;
}

const asText = { serializer: String };

const rows: Record<string, () => Promise<void>> = {
  "An event name with a line break in it": async () => {
    const name = "msg\ndata: evil\n\nevent: x";
    const push = (session: Served["session"]) => session.push("ok", name);
    expect((await sent(betterSse, {}, push)).events).toHaveLength(2);
    expect((await sent(streamLlm, {}, push)).events).toHaveLength(1);
  },

  "A serializer's text with line breaks": async () => {
    const push = (session: Served["session"]) => session.push("one\nid:evil", "text", "1");
    const theirs = await sent(betterSse, asText, push);
    expect(theirs.events).toEqual([{ event: "text", id: "evil", data: "one" }]);
    const ours = await sent(streamLlm, asText, push);
    expect(ours.events).toEqual([{ event: "text", id: "1", data: "one\nid:evil" }]);
  },

  "A serializer's text that begins with a space": async () => {
    const push = (session: Served["session"]) => session.push(" token");
    expect((await sent(betterSse, asText, push)).events[0]?.data).toBe("token");
    expect((await sent(streamLlm, asText, push)).events[0]?.data).toBe(" token");
  },

  "A client that stops reading": async () => {
    const limit = 1024 * 1024;
    expect(await waitingForStalled(betterSse)).toBeGreaterThan(16 * limit);
    expect(await waitingForStalled(streamLlm)).toBeLessThanOrEqual(2 * limit);
  },

  "The client goes, after a POST that `express.json()` has read": async () => {
    const post = { method: "POST", headers: { "Content-Type": "application/json" }, body: "{}" };
    expect((await abandon(betterSse, post)).isConnected).toBe(true);
    expect((await abandon(streamLlm, post)).isConnected).toBe(false);
  },

  "A Fetch body is cancelled": async () => {
    const cancelBody = async (library: Library) => {
      const connected = deferred<betterSse.Session>();
      const response = createResponse(library)(new Request("http://x/"), connected.resolve);
      const reader = response.body?.getReader();
      await reader?.read();
      const session = await connected.promise;
      await reader?.cancel();
      await turns(10);
      return session.isConnected;
    };
    expect(await cancelBody(betterSse)).toBe(true);
    expect(await cancelBody(streamLlm)).toBe(false);
  },

  "`iterate` when the client goes": async () => {
    expect(await iterateWithoutClient(betterSse)).toEqual({ iterating: "waits", source: "open" });
    expect(await iterateWithoutClient(streamLlm)).toEqual({
      iterating: "ended",
      source: "returned",
    });
  },

  "1000 times `register` and `deregister`": async () => {
    const listeners = async (library: Library) => {
      const { origin, served } = await serve(library);
      const response = await fetch(origin);
      const { session, res } = await served;
      const channel = createChannel(library)();
      for (let cycle = 0; cycle < 1000; cycle++) channel.register(session).deregister(session);
      const count = session.listenerCount("disconnected");
      res.end();
      await response.body?.cancel();
      return count;
    };
    expect(await listeners(betterSse)).toBe(1000);
    expect(await listeners(streamLlm)).toBe(0);
  },

  "Silence between events": async () => {
    expect(await commentsBetweenEvents(betterSse)).toBeGreaterThanOrEqual(2);
    expect(await commentsBetweenEvents(streamLlm)).toBe(0);
  },
};

test("the README's table has these lines and no others", () => {
  const lines = readTable("README.md", ["", "better-sse", "stream-llm"]);
  expect(lines.map(([what]) => what)).toEqual(Object.keys(rows));
});

// A machine that pauses for longer than the keep-alive makes silence where there was none to be.
for (const [name, run] of Object.entries(rows)) test(name, { retry: 2 }, run);

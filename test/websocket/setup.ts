import { createServer, type IncomingMessage } from "node:http";
import { connect } from "node:net";
import express, { type Express } from "express";
import { onTestFinished } from "vitest";
import { type ClientOptions, type ServerOptions, WebSocket, WebSocketServer } from "ws";
import {
  createWebSocketSession,
  type WebSocketSession,
  type WebSocketSessionOptions,
} from "../../lib/websocket/index.ts";
import { deferred, eventually, listen, Queue, within } from "../e2e/harness.ts";

export interface Serving {
  url: string;
  origin: string;
  app: Express;
  server: WebSocketServer;
}

/** An Express application whose server upgrades requests for `/ws`. */
export async function serveWebSockets(
  onConnection: (ws: WebSocket, req: IncomingMessage) => unknown,
  options: ServerOptions = {},
): Promise<Serving> {
  const app = express();
  const http = createServer(app);
  const server = new WebSocketServer({ noServer: true, ...options });
  http.on("upgrade", (req, socket, head) => {
    server.handleUpgrade(req, socket, head, (ws) => server.emit("connection", ws, req));
  });
  server.on("connection", onConnection);
  const { origin } = await listen(http);
  return { url: `${origin.replace("http", "ws")}/ws`, origin, app, server };
}

export type Message = Record<string, unknown> & { type: string };

/** A client: what it was sent, in order. */
export interface WsClient {
  ws: WebSocket;
  messages: Message[];
  queue: Queue<Message>;
  pings: number;
  closed: Promise<{ code: number; reason: string }>;
  send(message: unknown): void;
  /** Waits until that many messages have come. */
  has(count: number): Promise<void>;
}

export async function openClient(url: string, options: ClientOptions = {}): Promise<WsClient> {
  const ws = new WebSocket(url, options);
  onTestFinished(() => ws.terminate());
  const queue = new Queue<Message>();
  const closed = deferred<{ code: number; reason: string }>();
  const client: WsClient = {
    ws,
    messages: queue.seen,
    queue,
    pings: 0,
    closed: closed.promise,
    send: (message) => ws.send(typeof message === "string" ? message : JSON.stringify(message)),
    has: (count) =>
      eventually(() => queue.seen.length >= count, `${count} messages of ${queue.seen.length}`),
  };
  ws.on("message", (data, isBinary) => {
    queue.put(isBinary ? { type: "binary" } : JSON.parse(String(data)));
  });
  ws.on("ping", () => client.pings++);
  ws.on("close", (code, reason) => closed.resolve({ code, reason: String(reason) }));
  ws.on("error", () => {});
  const opened = new Promise((resolve, reject) => ws.once("open", resolve).once("error", reject));
  await within(opened, "open WebSocket");
  return client;
}

/** A server with a session for each connection, and one client of it. */
export async function connected(
  options: WebSocketSessionOptions<object> = {},
  { server, client }: { server?: ServerOptions; client?: ClientOptions } = {},
) {
  const sessions = new Queue<WebSocketSession<object>>();
  const sockets = new Queue<WebSocket>();
  const { url } = await serveWebSockets(async (ws, request) => {
    sockets.put(ws);
    sessions.put(await createWebSocketSession<object>(ws, { request, ...options }));
  }, server);
  const opened = await openClient(url, client);
  return {
    url,
    client: opened,
    ws: await sockets.next("server's WebSocket"),
    session: await sessions.next("session"),
  };
}

/** Why the session ends, and with which error's code. */
export function ending(session: WebSocketSession<object>): Promise<string> {
  return within(
    new Promise((resolve) => session.once("disconnected", ({ reason }) => resolve(reason))),
    "end of the session",
  );
}

/** A client that has upgraded, and from then on reads nothing. */
export async function openStalled(url: string): Promise<{ destroy(): void; resume(): void }> {
  const { port, pathname } = new URL(url);
  const socket = connect(Number(port), "127.0.0.1");
  socket.on("error", () => {});
  onTestFinished(() => void socket.destroy());
  socket.write(
    `GET ${pathname} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
  );
  await within(new Promise((resolve) => socket.once("data", resolve)), "upgrade");
  socket.pause();
  return {
    destroy: () => socket.destroy(),
    resume: () => {
      socket.on("data", () => {});
      socket.resume();
    },
  };
}

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { Server as HttpServer } from "node:http";
import type { Server as NetServer, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createParser, type EventSourceMessage } from "eventsource-parser";
import { onTestFinished } from "vitest";
import type { SessionOptions } from "../../lib/index.ts";

export { launchBrowser } from "./browser.ts";
export { type Client, clients, type OpenStream } from "./clients.ts";
export { type Framework, frameworks } from "./frameworks.ts";
export { parseResponses } from "./http1.ts";
export { RawClient, requestHead } from "./raw.ts";

/** How long any single wait of a test may take, in ms. */
export const patience = 10_000;

/** Those of both packages: better-sse's `headers` are no `Headers`. */
type CommonOptions = Omit<SessionOptions, "headers">;

/** Options for a session, with the lane that this run of the suite asks for. */
export function sessionOptions<T extends SessionOptions = CommonOptions>(extra?: T): T {
  const transport = process.env.STREAM_LLM_TEST_TRANSPORT ?? "auto";
  return { transport, ...extra } as T;
}

/** Rejects with the name of what was awaited when it takes longer than `ms`. */
export async function within<T>(promise: PromiseLike<T>, what: string, ms = patience): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no ${what} within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Waits, a turn of the event loop at a time, for something that announces itself by no event. */
export async function eventually(condition: () => boolean, what: string, ms = patience) {
  const deadline = performance.now() + ms;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`not within ${ms} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

export const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve));

export async function turns(count: number) {
  for (let turn = 0; turn < count; turn++) await nextTurn();
}

/** Values in the order they came; `next()` waits for one. */
export class Queue<T> {
  readonly seen: T[] = [];
  #waiting: ((value: T) => void)[] = [];
  #read = 0;

  put(value: T) {
    this.seen.push(value);
    const first = this.#waiting.shift();
    if (first) {
      this.#read++;
      first(value);
    }
  }

  next(what = "value", ms = patience): Promise<T> {
    if (this.#read < this.seen.length) return Promise.resolve(this.seen[this.#read++] as T);
    return within(new Promise<T>((resolve) => this.#waiting.push(resolve)), what, ms);
  }

  async take(count: number, what = "value"): Promise<T[]> {
    const values: T[] = [];
    while (values.length < count) {
      values.push(await this.next(`${what} ${values.length + 1} of ${count}`));
    }
    return values;
  }

  get unread() {
    return this.seen.length - this.#read;
  }
}

/** What a client sees of an event; `event` is "message" when the stream names none. */
export type SeenEvent = { event: string; id: string | undefined; data: string };

export function seen(message: EventSourceMessage): SeenEvent {
  return { event: message.event ?? "message", id: message.id, data: message.data };
}

export interface Parsed {
  events: SeenEvent[];
  comments: string[];
  retries: number[];
  /** Lines that are no field a client knows: there must be none. */
  errors: string[];
}

/** Parses a whole event stream with eventsource-parser, `step` bytes at a time. */
export function parseStream(bytes: Uint8Array | string, step = Number.POSITIVE_INFINITY): Parsed {
  const whole = typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes;
  const parsed: Parsed = { events: [], comments: [], retries: [], errors: [] };
  const parser = createParser({
    onEvent: (message) => parsed.events.push(seen(message)),
    onComment: (comment) => parsed.comments.push(comment),
    onRetry: (retry) => parsed.retries.push(retry),
    onError: (error) => parsed.errors.push(error.message),
  });
  const decoder = new TextDecoder("utf-8", { fatal: true });
  for (let from = 0; from < whole.length; from += step) {
    parser.feed(decoder.decode(whole.subarray(from, from + step), { stream: true }));
  }
  return parsed;
}

export interface RunningServer {
  port: number;
  /** Scheme, host and port, without a path. */
  origin: string;
  sockets: Set<Socket>;
  /** Stops listening and waits for every connection to end by itself. */
  close(): Promise<void>;
}

/** Listens on a free local port; whatever is still open when the test ends is torn down. */
export async function listen(server: NetServer, scheme = "http"): Promise<RunningServer> {
  const sockets = new Set<Socket>();
  const unused = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    if (server instanceof HttpServer) unused.add(socket);
    socket.once("close", () => sockets.delete(socket) && unused.delete(socket));
  });
  server.on("request", (req) => unused.delete(req.socket));
  await within(
    new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(0, "127.0.0.1", resolve);
    }),
    "listening server",
  );
  const { port } = server.address() as { port: number };
  let closed: Promise<void> | undefined;
  const close = () => {
    closed ??= new Promise<void>((resolve) => server.close(() => resolve()));
    // Global fetch connects once more when a request is aborted; Node waits for such a connection.
    for (const socket of unused) socket.destroy();
    return within(closed, "closed server");
  };
  onTestFinished(() => {
    const ended = close();
    for (const socket of sockets) socket.destroy();
    return ended;
  });
  return { port, origin: `${scheme}://127.0.0.1:${port}`, sockets, close };
}

let madeCertificate: { key: string; cert: string } | undefined;

/** A self-signed certificate for 127.0.0.1, made once per test file. */
export function certificate() {
  if (madeCertificate) return madeCertificate;
  const folder = mkdtempSync(join(tmpdir(), "stream-llm-tls-"));
  const key = join(folder, "key.pem");
  const cert = join(folder, "cert.pem");
  try {
    const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"];
    const files = ["-keyout", key, "-out", cert, "-days", "2"];
    execFileSync("openssl", ["req", "-x509", ...curve, ...subject, ...files], { stdio: "pipe" });
    madeCertificate = { key: readFileSync(key, "utf8"), cert: readFileSync(cert, "utf8") };
    return madeCertificate;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Collects errors that nobody handled; the returned function says which there were, after a few turns. */
export function strayErrors(): () => Promise<unknown[]> {
  const strays: unknown[] = [];
  const collect = (error: unknown) => strays.push(error);
  process.on("unhandledRejection", collect);
  process.on("uncaughtException", collect);
  onTestFinished(() => {
    process.off("unhandledRejection", collect);
    process.off("uncaughtException", collect);
  });
  return async () => {
    await turns(5);
    return strays;
  };
}

/** The error that `action` throws or rejects with; fails when there is none. */
export async function errorOf(action: () => unknown): Promise<Error & { code?: string }> {
  try {
    await action();
  } catch (error) {
    return error as Error;
  }
  throw new Error("expected an error, got none");
}

/** A promise with its ends in hand. */
export function deferred<T = void>() {
  let resolve!: (value: T) => void;
  let reject!: (reason: unknown) => void;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

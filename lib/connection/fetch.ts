import { setImmediate } from "node:timers";
import {
  type ConnectionObserver,
  type DisconnectReason,
  kBegin,
  kDestroy,
  kDrain,
  kEnd,
  kGone,
  kImmediate,
  kObserve,
  kQuery,
  kRelease,
  kStarting,
  kWritable,
  kWrite,
} from "../internal.js";
import type { BuiltInConnectionOptions } from "../options.js";
import { Connection, startObserver } from "./connection.js";
import { applyHeaders, checkResponseOptions } from "./headers.js";
import { queryOf } from "./node-url.js";

/**
 * A connection over a Fetch `Request`, with a `Response` whose body is a stream. It hands out
 * bytes as the body is read, and holds none of its own.
 */
export class FetchConnection extends Connection {
  request: Request;
  response: Response;
  #url: URL | undefined;
  #observer: ConnectionObserver | undefined;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  #onAbort: (() => void) | undefined;
  #started = false;
  #cancelled = false;
  /** Whether the reader waits for bytes. */
  #wanted = false;

  /** @throws {SseError} `invalid-option`, `invalid-header` */
  constructor(
    request: Request,
    response?: Response | null,
    options: BuiltInConnectionOptions = {},
  ) {
    super();
    checkResponseOptions(options);
    this.request = request;
    const headers = new Headers(Connection.constants.RESPONSE_HEADERS);
    if (response) applyHeaders(response.headers, headers);
    if (options.headers) applyHeaders(options.headers, headers);
    const status = options.statusCode ?? response?.status ?? Connection.constants.RESPONSE_CODE;
    const hasBody = request.method !== "HEAD" && ![204, 205, 304].includes(status);
    this.response = new Response(hasBody ? this.#body() : null, { status, headers });
  }

  get url(): URL {
    this.#url ??= new URL(this.request.url);
    return this.#url;
  }

  set url(url: URL) {
    this.#url = url;
  }

  /** The framework sends the head of `response`. */
  sendHead(): void {}

  sendChunk(chunk: string): void {
    this.#enqueue(new TextEncoder().encode(chunk));
  }

  cleanup(): void {}

  override [kObserve](observer: ConnectionObserver): void {
    this.#observer = observer;
    const { signal } = this.request;
    // An abort may also be how the application ends the session while the body is still read.
    this.#onAbort = () => this.#observer?.[kGone](true);
    if (signal.aborted) setImmediate(this.#onAbort);
    else signal.addEventListener("abort", this.#onAbort);
    // Without a body there is no reader to wait for.
    if (!this.response.body) this.#start();
  }

  override get [kStarting](): boolean {
    return this.#started;
  }

  override [kBegin](): DisconnectReason | undefined {
    this.sendHead();
    return this.response.body ? undefined : "closed";
  }

  override get [kWritable](): boolean {
    return this.#wanted;
  }

  override get [kImmediate](): boolean {
    return this.sendChunk !== FetchConnection.prototype.sendChunk;
  }

  override [kWrite](bytes: Buffer): void {
    if (this[kImmediate]) this.sendChunk(bytes.toString());
    else this.#enqueue(bytes);
  }

  override [kEnd](_timeout: number, callback: () => void): void {
    this.#close();
    callback();
  }

  override [kDestroy](error: Error): void {
    this.#controller?.error(error);
    this.#controller = undefined;
  }

  override [kRelease](): void {
    if (this.#onAbort) this.request.signal.removeEventListener("abort", this.#onAbort);
    this.#observer = undefined;
    this.cleanup();
  }

  override get [kQuery](): URLSearchParams | undefined {
    return queryOf(this.request.url);
  }

  #body(): ReadableStream<Uint8Array> {
    const source = {
      start: (controller: ReadableStreamDefaultController<Uint8Array>) => {
        this.#controller = controller;
      },
      pull: () => this.#pull(),
      cancel: () => this.#cancel(),
    };
    return new ReadableStream(source, { highWaterMark: 0 });
  }

  /** Once per read that finds nothing. */
  #pull(): void {
    this.#wanted = true;
    if (this.#started) this.#observer?.[kDrain]();
    else this.#start();
  }

  #start(): void {
    this.#started = true;
    setImmediate(() => {
      if (this.#observer && !this.#cancelled) startObserver(this.#observer);
    });
  }

  #cancel(): void {
    this.#cancelled = true;
    this.#controller = undefined;
    const observer = this.#observer;
    // Listeners are attached right after the session was made, also when this comes at once.
    if (observer) setImmediate(() => observer[kGone]());
  }

  #enqueue(bytes: Uint8Array): void {
    // Before, as the reader may ask again within `enqueue`.
    this.#wanted = false;
    this.#controller?.enqueue(bytes);
  }

  #close(): void {
    this.#controller?.close();
    this.#controller = undefined;
  }
}

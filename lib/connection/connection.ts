import { setImmediate } from "node:timers";
import {
  type ConnectionObserver,
  type DisconnectReason,
  kAttach,
  kBegin,
  kBuffered,
  kDestroy,
  kEnd,
  kFlushHead,
  kGone,
  kHasten,
  kHeader,
  kIdle,
  kImmediate,
  kObserve,
  kQuery,
  kRelease,
  kStart,
  kStarting,
  kWritable,
  kWrite,
} from "../internal.js";
import type { Settings } from "../options.js";
import { applyHeaders } from "./headers.js";

export type ConnectionConstants = Readonly<{
  /** The method of a request that names none. */
  REQUEST_METHOD: string;
  /** The host of a request that names none. */
  REQUEST_HOST: string;
  /** The status code of a response that was given none. */
  RESPONSE_CODE: number;
  /** The headers of every response, unless others are given. */
  RESPONSE_HEADERS: Readonly<Record<string, string>>;
}>;

const constants: ConnectionConstants = Object.freeze({
  REQUEST_METHOD: "GET",
  REQUEST_HOST: "localhost",
  RESPONSE_CODE: 200,
  RESPONSE_HEADERS: Object.freeze({
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-cache, no-transform",
    "X-Accel-Buffering": "no",
  }),
});

/**
 * The request and response that a session runs over.
 *
 * Extend it to use sessions with a framework that is not supported otherwise: `sendChunk` then gets
 * whole events, at once and regardless of how fast the client reads, and the session ends when
 * `request.signal` aborts.
 */
export abstract class Connection {
  /** What to fall back to in a connection of one's own. */
  static readonly constants: ConnectionConstants = constants;

  /**
   * Changes headers: a string takes the place of what `to` has, an array does so with one header
   * per item, and `undefined` removes it.
   */
  static applyHeaders(
    from: Record<string, string | string[] | undefined> | Headers,
    to: Headers,
  ): void {
    applyHeaders(from, to);
  }

  /** The URL that the client asked for. */
  abstract url: URL;

  /**
   * The request that opened the connection. Its `signal` must abort when the client goes.
   */
  abstract request: Request;

  /**
   * The response to the client: status and headers, and a body where the framework takes one.
   */
  abstract response: Response;

  /** Sends the status and the headers of `response`. */
  abstract sendHead(): void;

  /** Sends text in event stream syntax. */
  abstract sendChunk(chunk: string): void;

  /** Called once, after the session has ended for whatever reason. */
  abstract cleanup(): void;

  #observer: ConnectionObserver | undefined;
  #onAbort: (() => void) | undefined;

  /** Begins to tell `observer` when to start, and of what happens from then on. @internal */
  [kObserve](observer: ConnectionObserver): void {
    const { signal } = this.request;
    this.#observer = observer;
    this.#onAbort = () => this.#observer?.[kGone]();
    signal.addEventListener("abort", this.#onAbort);
    setImmediate(startObserver, observer);
  }

  /** Whether the observer is going to be started without the client's doing. @internal */
  get [kStarting](): boolean {
    return true;
  }

  /**
   * Sends the head. Returns why the session ends right after it has connected, where it does.
   *
   * @internal
   */
  [kBegin](): DisconnectReason | undefined {
    if (this.request.signal.aborted) return "client-closed";
    this.sendHead();
    return undefined;
  }

  /**
   * Lets the engine write to the connection itself from here on. Returns its number of the session, or
   * undefined where that cannot be: bytes then come through `kWrite`.
   *
   * @internal
   */
  [kAttach](_settings: Settings): number | undefined {
    return undefined;
  }

  /** Sends the head on its own, when nothing else is there to go with it. @internal */
  [kFlushHead](): void {}

  /** Whether `kWrite` may be called; `kDrain` tells when that becomes true. @internal */
  get [kWritable](): boolean {
    return true;
  }

  /** Whether all that was written has left; if not, `kDrain` tells when it has. @internal */
  get [kIdle](): boolean {
    return true;
  }

  /** Has what was written leave now, if it can. Returns whether more may be written. @internal */
  [kHasten](): boolean {
    return false;
  }

  /** Whether whole events are written as soon as they are there. @internal */
  get [kImmediate](): boolean {
    return true;
  }

  /** Sends bytes, which may be kept. @internal */
  [kWrite](bytes: Buffer): void {
    this.sendChunk(bytes.toString());
  }

  /** How many of the bytes written have not left yet. @internal */
  get [kBuffered](): number {
    return 0;
  }

  /** Ends the response after all that was written, then calls back. Comes after `kRelease`. @internal */
  [kEnd](_timeout: number, callback: () => void): void {
    callback();
  }

  /** Cuts the connection, whatever waits. Comes after `kRelease`. @internal */
  [kDestroy](_error: Error): void {}

  /** Lets go of everything; the observer hears nothing more. @internal */
  [kRelease](): void {
    if (this.#onAbort) this.request.signal.removeEventListener("abort", this.#onAbort);
    this.#onAbort = undefined;
    this.#observer = undefined;
    this.cleanup();
  }

  /** A header of the request, in lower case. @internal */
  [kHeader](name: string): string | null {
    return this.request.headers.get(name);
  }

  /** The query of the request, if it has one. @internal */
  get [kQuery](): URLSearchParams | undefined {
    return this.url.searchParams;
  }
}

export function startObserver(observer: ConnectionObserver): void {
  observer[kStart]();
}

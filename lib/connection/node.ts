import type { EventEmitter } from "node:events";
import { clearTimeout, setImmediate, setTimeout } from "node:timers";
import {
  type ConnectionObserver,
  type DisconnectReason,
  kBegin,
  kBuffered,
  kDestroy,
  kDrain,
  kEnd,
  kFlushHead,
  kGone,
  kHasten,
  kIdle,
  kImmediate,
  kObserve,
  kRelease,
  kUserEnd,
  kUserWrite,
  kWhenDrained,
  kWritable,
  kWrite,
} from "../internal.js";
import { startObserver } from "./connection.js";
import { type Interceptor, intercept, isWrapped, type Originals, restore } from "./intercept.js";
import { headersSent, NodeExchange, type NodeRequest, type NodeResponse } from "./node-exchange.js";

/** Does what Node does about a write that comes after the end. */
function refuseWrite(res: EventEmitter, callback?: (error: Error) => void): false {
  const code = "ERR_STREAM_WRITE_AFTER_END";
  const error = Object.assign(new Error("write after end"), { code });
  process.nextTick(() => {
    callback?.(error);
    res.emit("error", error);
  });
  return false;
}

/** The bytes that `write` or `end` was given; undefined where that is neither text nor bytes. */
function bytesOf([chunk, encoding]: unknown[]): Uint8Array | undefined {
  if (typeof chunk === "string") return Buffer.from(chunk, encoding as BufferEncoding);
  return chunk instanceof Uint8Array ? chunk : undefined;
}

function isFunction(value: unknown): value is (error?: Error) => void {
  return typeof value === "function";
}

/** A connection over the response objects of `node:http` and `node:http2`. */
export abstract class NodeConnection<Req extends NodeRequest, Res extends NodeResponse>
  extends NodeExchange<Req, Res>
  implements Interceptor
{
  protected observer: ConnectionObserver | undefined;
  #originals: Originals | undefined;
  /** Whether some middleware takes no more until its 'drain'. */
  #blocked = false;
  #onDrain: (() => void) | undefined;
  #writing = false;
  /** Whether a write is under way that calls back, so that the observer hears when nothing is any more. */
  #isAwaited = false;
  /** Whether the application is to be told by 'drain' when nothing waits. */
  #owesDrain = false;

  sendChunk(chunk: string): void {
    this.#write(chunk);
  }

  cleanup(): void {}

  /** Cuts the connection. */
  protected abstract cut(): void;

  /** Has Node write what it keeps until the code that runs now is over. */
  protected uncork(): void {}

  /** To be called before the response is ended, with nothing else in between. */
  protected beforeEnd(): void {}

  /** Whether the engine writes to the connection itself. */
  protected get isAttached(): boolean {
    return false;
  }

  /** Whether some middleware's functions stand in the place of the response's own. */
  protected get isReplaced(): boolean {
    return this.#originals?.write !== undefined || this.#originals?.end !== undefined;
  }

  /** Begins to hear of the end of the connection; `unwatch` stops it. */
  protected watch(): void {}

  protected unwatch(): void {}

  /** To be called when the connection has closed. */
  closed(): void {
    this.observer?.[kGone]();
  }

  override [kObserve](observer: ConnectionObserver): void {
    this.observer = observer;
    setImmediate(startObserver, observer);
  }

  override [kBegin](): DisconnectReason | undefined {
    if (this.isGone) return "client-closed";
    if (this.res.headersSent) throw headersSent();
    this.sendHead();
    if (this.req.method === "HEAD" || [204, 205, 304].includes(this.res.statusCode)) {
      this.res.end();
      return "closed";
    }
    this.#originals = intercept(this.res, this);
    this.watch();
    return undefined;
  }

  override [kFlushHead](): void {
    this.res.flushHeaders();
  }

  /**
   * Nothing is handed to a response that holds something: what waits does so in the engine, where
   * limit and write timeout see it.
   */
  override get [kWritable](): boolean {
    // Somebody may have ended it past our `end`.
    return this[kIdle] && !this.res.writableEnded;
  }

  override get [kIdle](): boolean {
    return !this.#blocked && this[kBuffered] === 0;
  }

  override [kHasten](): boolean {
    if (this.isGone) return false;
    this.uncork();
    if (this[kIdle]) this.#isAwaited = false;
    else if (!this.#isAwaited) this.#follow();
    return this[kWritable];
  }

  override get [kImmediate](): boolean {
    return this.sendChunk !== NodeConnection.prototype.sendChunk;
  }

  override [kWrite](bytes: Buffer): void {
    if (this.isGone) return;
    if (this[kImmediate]) this.sendChunk(bytes.toString());
    else this.#write(bytes);
    this.res.flush?.();
  }

  override get [kBuffered](): number {
    // Responses that only look like Node's may not count.
    return this.isGone ? 0 : this.res.writableLength || 0;
  }

  override [kEnd](timeout: number, callback: () => void): void {
    const { res } = this;
    if (this.isGone) {
      callback();
      return;
    }
    const timer = timeout > 0 ? setTimeout(() => this.cut(), timeout) : undefined;
    timer?.unref();
    const settle = () => {
      clearTimeout(timer);
      res.off("finish", settle).off("close", settle);
      callback();
    };
    res.on("finish", settle).on("close", settle);
    res.end();
  }

  override [kDestroy](): void {
    this.cut();
  }

  override [kRelease](): void {
    this.observer = undefined;
    this.abortRequest();
    if (this.#originals) {
      if (this.#onDrain) this.res.off("drain", this.#onDrain);
      this.unwatch();
      restore(this.res, this.#originals);
    }
    this.cleanup();
  }

  /** The application's `res.write(...)`. */
  onWrite(args: unknown[]): boolean {
    if (!this.isAttached && isWrapped(this.res)) {
      // What was put around ours calls it with what goes out at last, be it of the session.
      if (!this.#writing) this.observer?.[kDrain](true);
      return this.#call("write", args) as boolean;
    }
    const { observer, res } = this;
    const bytes = observer && bytesOf(args);
    if (!bytes) return this.#call("write", args) as boolean;
    const callback = args.find(isFunction);
    if (!observer[kUserWrite](bytes, callback)) return refuseWrite(res, callback);
    // Middleware may have a 'drain' of its own.
    if (this.#originals?.write) return !this.#blocked;
    if (observer.bufferedBytes <= res.writableHighWaterMark) return true;
    this.#emitDrain(observer);
    return false;
  }

  /** The application's `res.end(...)`. */
  onEnd(args: unknown[]): unknown {
    const { observer, res } = this;
    const finish = (isSent = false) => this.#call("end", isSent ? args.filter(isFunction) : args);
    if (observer) observer[kUserEnd](finish, bytesOf(args));
    else finish();
    return res;
  }

  #write(chunk: Uint8Array | string): void {
    const isAround = isWrapped(this.res);
    if (!isAround && !this.isReplaced) {
      this.#isAwaited = true;
      this.#call("write", [chunk, (error?: unknown) => error || this.#left()]);
      return;
    }
    // Middleware may hold bytes back, and need not call back.
    const isAccepted = isAround ? this.#writeAround(chunk) : this.#call("write", [chunk]);
    if (!this.#isAwaited) this.#follow();
    if (isAccepted === false) this.#block();
  }

  #block(): void {
    this.#blocked = true;
    if (this.#onDrain) return;
    // Stays for the next time: some middleware moves this listener to a stream of its own, from
    // which it could not be taken off.
    this.#onDrain = () => this.#drained();
    this.res.on("drain", this.#onDrain);
  }

  #drained(): void {
    if (!this.#blocked) return;
    this.#blocked = false;
    this.observer?.[kDrain]();
  }

  /** What was written before a callback has left. */
  #left(): void {
    if (!this.#isAwaited || !this.observer) return;
    this.#isAwaited = false;
    if (this[kIdle]) this.observer[kDrain]();
    else this.#follow();
  }

  /** Awaits what the response holds of others: its head, what middleware wrote. */
  #follow(): void {
    const { res } = this;
    if (this[kBuffered] === 0 || res.writableEnded) return;
    this.#isAwaited = true;
    const onLeft = (error?: unknown) => error || this.#left();
    Object.getPrototypeOf(res).write.call(res, "", onLeft);
  }

  #emitDrain(observer: ConnectionObserver): void {
    if (this.#owesDrain) return;
    this.#owesDrain = true;
    observer[kWhenDrained]((error) => {
      this.#owesDrain = false;
      if (!error && this.observer) process.nextTick(() => this.res.emit("drain"));
    });
  }

  /** By what was put around our `res.write` since. */
  #writeAround(chunk: Uint8Array | string): boolean {
    this.#writing = true;
    try {
      return this.res.write(chunk);
    } finally {
      this.#writing = false;
    }
  }

  /** Calls what `res.write` or `res.end` was before. */
  #call(method: "write" | "end", args: unknown[]): unknown {
    if (method === "end") this.beforeEnd();
    const original = this.#originals?.[method] ?? Object.getPrototypeOf(this.res)[method];
    return Reflect.apply(original, this.res, args);
  }
}

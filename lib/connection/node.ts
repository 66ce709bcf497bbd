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
  kFlushed,
  kFlushHead,
  kGone,
  kHasten,
  kImmediate,
  kObserve,
  kRelease,
  kUserEnd,
  kUserWrite,
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

/** A connection over the response objects of `node:http` and `node:http2`. */
export abstract class NodeConnection<Req extends NodeRequest, Res extends NodeResponse>
  extends NodeExchange<Req, Res>
  implements Interceptor
{
  protected observer: ConnectionObserver | undefined;
  #originals: Originals | undefined;
  #blocked = false;
  #writing = false;
  #onDrain: (() => void) | undefined;
  #whenDrained: (() => void)[] | undefined;

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

  override get [kWritable](): boolean {
    return !this.#blocked;
  }

  override [kHasten](): boolean {
    // Where some middleware stands in between, the response is not all that can hold bytes back.
    if (this.isGone || this.isReplaced || isWrapped(this.res)) return false;
    this.uncork();
    this.#blocked = this.res.writableLength > 0;
    return !this.#blocked;
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
    return this.isGone ? 0 : this.res.writableLength;
  }

  override [kFlushed](callback: () => void): void {
    if (this[kBuffered] === 0) callback();
    else if (!this.#originals?.write)
      this.#call("write", ["", (error?: unknown) => error || callback()]);
    // A `write` of some middleware's may not call back.
    else if (!this.#blocked) callback();
    else {
      this.#whenDrained ??= [];
      this.#whenDrained.push(callback);
    }
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
    const [chunk, encoding, last] = args;
    const callback = (typeof encoding === "function" ? encoding : last) as (error?: Error) => void;
    const isText = typeof chunk === "string";
    if (!this.observer || !(isText || chunk instanceof Uint8Array)) {
      return this.#call("write", args) as boolean;
    }
    const bytes = isText ? Buffer.from(chunk, encoding as BufferEncoding) : chunk;
    if (!this.observer[kUserWrite](bytes, callback)) return refuseWrite(this.res, callback);
    return !this.#blocked;
  }

  /** The application's `res.end(...)`. */
  onEnd(args: unknown[]): unknown {
    if (this.observer) this.observer[kUserEnd](() => this.#call("end", args));
    else this.#call("end", args);
    return this.res;
  }

  #write(chunk: Uint8Array | string): void {
    const isAccepted = isWrapped(this.res)
      ? this.#writeAround(chunk)
      : this.#call("write", [chunk]);
    if (isAccepted !== false || this.#blocked) return;
    this.#blocked = true;
    if (this.#onDrain) return;
    // Stays for the next time: some middleware moves this listener to a stream of its own, from
    // which it could not be taken off.
    this.#onDrain = () => this.#drained();
    this.res.on("drain", this.#onDrain);
  }

  #drained(): void {
    this.#blocked = false;
    this.observer?.[kDrain]();
    if (this.#blocked || !this.#whenDrained) return;
    const callbacks = this.#whenDrained;
    this.#whenDrained = undefined;
    for (const callback of callbacks) callback();
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

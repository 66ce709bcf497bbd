import { setImmediate } from "node:timers";
import type { Connection } from "./connection/connection.js";
import { endingOf, notConnectedAnyMore, notConnectedYet } from "./ending.js";
import { forget, schedule } from "./engine.js";
import { type SseError, warn } from "./errors.js";
import {
  type ConnectionObserver,
  type DisconnectReason,
  kBegin,
  kDestroy,
  kEnd,
  kFlushHead,
  kGone,
  kLost,
  kNative,
  kNotice,
  kObserve,
  kOnStop,
  kRelease,
  kStart,
  kStarting,
  kUserEnd,
  type NoticeReceiver,
} from "./internal.js";
import { NoticeKind, native } from "./native.js";
import type { Settings } from "./options.js";
import { SessionFlow } from "./session-flow.js";
import { countDisconnected } from "./stats.js";

const Phase = { Waiting: 0, Open: 1, Closing: 2, Ended: 3 } as const;
type Phase = (typeof Phase)[keyof typeof Phase];

/** How a session begins and ends. */
export abstract class SessionLifecycle
  extends SessionFlow
  implements ConnectionObserver, NoticeReceiver
{
  #phase: Phase = Phase.Waiting;
  /** How the application ends the response, when it has asked to and something still waits. */
  #finishResponse: (() => void) | undefined;
  #reason: DisconnectReason | undefined;
  #abort: AbortController | undefined;
  #stops: Set<() => void> | undefined;
  #closing: { promise: Promise<void>; resolve(): void } | undefined;

  constructor(connection: Connection, settings: Settings) {
    super(connection, settings);
    connection[kObserve](this);
  }

  /** Whether events can be pushed: from the `connected` event until `close()` or disconnection. */
  get isConnected(): boolean {
    return this.#phase === Phase.Open;
  }

  /**
   * Aborts when the session disconnects, with an `SseError` as its reason: pass it to what
   * produces the events, so that it stops when nobody listens any more.
   */
  get signal(): AbortSignal {
    if (!this.#abort) {
      this.#abort = new AbortController();
      if (this.#phase === Phase.Ended) this.#abort.abort(this.notConnected());
    }
    return this.#abort.signal;
  }

  /**
   * Sends what waits, then ends the response. Nothing can be pushed from here on.
   *
   * @returns A promise that resolves when the response has ended, or the client has gone. It never
   * rejects.
   */
  close(): Promise<void> {
    if (this.#closing) return this.#closing.promise;
    if (this.#phase === Phase.Ended) return Promise.resolve();
    let resolve = () => {};
    const promise = new Promise<void>((settle) => {
      resolve = settle;
    });
    this.#closing = { promise, resolve };
    if (this.#phase === Phase.Open) this.#end();
    else if (!this.connection[kStarting]) this.#finishClosed();
    return promise;
  }

  [kStart](): void {
    if (this.#phase !== Phase.Waiting) return;
    let ended: DisconnectReason | undefined;
    try {
      ended = this.connection[kBegin]();
    } catch (error) {
      this.#finish("connection-error", error as Error);
      return;
    }
    this.open(ended ? undefined : this);
    this.#phase = Phase.Open;
    if (ended) {
      const reason = ended;
      // The application attaches its listeners, and pushes, right after it was told.
      setImmediate(() => this.#finish(reason));
    } else if (!this.#greet()) return;
    const isSilent = this.bufferedBytes === 0;
    // Out of the way of a first event that is larger than what may wait behind another.
    this.pump();
    this.tell("connected");
    const isAlone = isSilent && this.bufferedBytes === 0;
    if (!ended && this.isConnected && isAlone) this.connection[kFlushHead]();
    if (this.#closing && this.isConnected) this.#end();
  }

  [kGone](takesRest = false): void {
    if (takesRest) this.pump(true);
    this.#finish("client-closed", undefined, (done) => this.#endResponse(0, done));
  }

  [kLost](reason: DisconnectReason, error: Error): void {
    this.#finishDestroyed(reason, error);
  }

  [kUserEnd](finish: () => void): void {
    if (this.transport === "socket") {
      const first = this.#finishResponse;
      // It is for Node to say what comes of a second end.
      this.#finishResponse = first
        ? () => {
            first();
            finish();
          }
        : finish;
      if (!this.isClosing) this.#end();
      return;
    }
    // Whatever the client's pace: the response takes what is written before its end.
    this.pump(true);
    this.#finish("closed", undefined, (done) => {
      finish();
      done();
    });
  }

  [kNotice](kind: number, value: number): void {
    if (kind === NoticeKind.Ready) this.pump();
    else if (kind === NoticeKind.Drained) this.onDrained(value);
    else if (kind === NoticeKind.Dropped) this.tell("dropped", { count: value });
    else if (kind === NoticeKind.Ended) this.#finishClosed();
    else this.#onClosed(value);
  }

  /** Calls back when pushing ends. Returns what takes this back. @internal */
  [kOnStop](callback: () => void): () => void {
    this.#stops ??= new Set();
    this.#stops.add(callback);
    return () => this.#stops?.delete(callback);
  }

  /** Whether the session has connected once, and can no more be pushed to. */
  protected get isOver(): boolean {
    return this.#phase === Phase.Closing || this.#phase === Phase.Ended;
  }

  /** @throws {SseError} `not-connected` */
  protected requireConnected(): void {
    if (this.#phase !== Phase.Open) throw this.notConnected();
  }

  /** Called once, when the session ends, before `disconnected` is emitted. */
  protected ended(): void {}

  protected override get isFlowing(): boolean {
    return this.#phase === Phase.Open || this.#phase === Phase.Closing;
  }

  protected override get isClosing(): boolean {
    return this.#phase === Phase.Closing;
  }

  protected override failed(error: Error): void {
    this.#finishDestroyed("connection-error", error);
  }

  protected override notConnected(): SseError {
    if (this.#phase === Phase.Waiting) return notConnectedYet();
    return notConnectedAnyMore(this.#reason);
  }

  /** Whether the first bytes could be sent. */
  #greet(): boolean {
    try {
      this.sendPreamble();
      return true;
    } catch (error) {
      this.failed(error as Error);
      return false;
    }
  }

  #onClosed(closeReason: number): void {
    const { reason, error } = endingOf(closeReason, this.settings);
    this.#finishDestroyed(reason, error);
  }

  #end(): void {
    this.#phase = Phase.Closing;
    this.#stop();
    if (native.endSession(this[kNative])) schedule();
  }

  #finishClosed(): void {
    const { writeTimeout } = this.settings;
    this.#finish("closed", undefined, (done) => this.#endResponse(writeTimeout, done));
  }

  #endResponse(timeout: number, done: () => void): void {
    if (this.#finishResponse) {
      this.#finishResponse();
      done();
    } else this.connection[kEnd](timeout, done);
  }

  #finishDestroyed(reason: DisconnectReason, error: Error): void {
    this.#finish(reason, error, (done) => {
      this.connection[kDestroy](error);
      done();
    });
  }

  #stop(): void {
    const stops = this.#stops;
    this.#stops = undefined;
    for (const stop of stops ?? []) stop();
  }

  /** Ends the session; `release` does to the response what the reason asks for, until `done`. */
  #finish(
    reason: DisconnectReason,
    error?: Error,
    release: (done: () => void) => void = (done) => done(),
  ): void {
    if (this.#phase === Phase.Ended) return;
    this.#phase = Phase.Ended;
    this.#reason = reason;
    countDisconnected(reason);
    forget(this[kNative]);
    native.closeSession(this[kNative]);
    const done = () => this.#closing?.resolve();
    // Before the response can end: its writes call back before its end does.
    this.settle(reason === "closed" ? undefined : this.notConnected());
    try {
      this.connection[kRelease]();
      release(done);
    } catch (failure) {
      warn("a connection could not be released", failure);
      done();
    }
    this.#stop();
    this.#abort?.abort(this.notConnected());
    this.ended();
    const isHeard = this.listenerCount("disconnected") > 0;
    if (reason === "connection-error" && !isHeard) warn("a session failed", error);
    this.tell("disconnected", error ? { reason, error } : { reason });
  }
}

import type { NativeEventBuffer } from "../types/native.js";
import type { Connection } from "./connection/connection.js";
import { makeRoom, makeRoomFor, makeRoomForText, openPulled, receive, schedule } from "./engine.js";
import { type SseError, sendError } from "./errors.js";
import {
  kAttach,
  kBuffered,
  kDrain,
  kHasten,
  kIdle,
  kImmediate,
  kMaxBufferedBytes,
  kNative,
  kQuery,
  kSend,
  kSendText,
  kSent,
  kUserWrite,
  kWhenDrained,
  kWritable,
  kWrite,
  type NoticeReceiver,
} from "./internal.js";
import { type EnclosedText, native } from "./native.js";
import type { Settings } from "./options.js";
import type { SessionEvents } from "./session-events.js";
import { TypedEmitter } from "./typed-emitter.js";
import { type Settle, Waiters } from "./waiters.js";

/** What is handed to a connection at once, in bytes: all that waits outside of the engine. */
const chunkSize = 64 * 1024;
/** Taking this much says that what was taken before has left. */
const nothing = new Uint8Array(0);

/** How what is sent gets from the engine to the connection of a session. */
export abstract class SessionFlow extends TypedEmitter<SessionEvents> {
  protected readonly connection: Connection;
  protected readonly settings: Settings;
  #native = 0;
  /** Whether the engine writes to the connection itself, instead of through it. */
  #attached = false;
  #waiters: Waiters | undefined;

  constructor(connection: Connection, settings: Settings) {
    super();
    this.connection = connection;
    this.settings = settings;
  }

  /**
   * How bytes reach the client: `"stream"` through the response, `"socket"` written by the engine.
   */
  get transport(): "stream" | "socket" {
    return this.#attached ? "socket" : "stream";
  }

  /** Bytes that wait for the client, in the engine and in the response. 0 when disconnected. */
  get bufferedBytes(): number {
    if (!this.isFlowing) return 0;
    return native.bufferedBytes(this.#native) + this.connection[kBuffered];
  }

  /**
   * Waits until nothing waits for the client any more.
   *
   * @returns A promise that rejects with `SseError` `not-connected` when the session is not
   * connected, or the client goes first.
   */
  async drained(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this[kWhenDrained]((error) => (error ? reject(error) : resolve()));
    });
  }

  [kWhenDrained](settle: Settle): void {
    if (!this.isFlowing) {
      settle(this.notConnected());
      return;
    }
    // On the socket lane only the engine's thread knows whether a broadcast is still on its way to it.
    if (!this.#attached && this.bufferedBytes === 0) {
      settle();
      return;
    }
    this.#waiters ??= new Waiters();
    this.#waiters.add(settle);
    if (native.awaitDrain(this.#native)) schedule();
  }

  [kDrain](regardless = false): void {
    this.pump(regardless);
    // A keep-alive may be due before what the engine's timer is set to.
    schedule();
  }

  [kUserWrite](bytes: Uint8Array, callback?: Settle): boolean {
    if (this.isClosing) return false;
    if (!this.#attached) makeRoom(bytes.length);
    try {
      if (bytes.length > 0 && native.write(this.#native, bytes)) schedule();
    } catch (error) {
      throw sendError(error);
    }
    // All of it, as to a response without a session: it tells when it can take more.
    if (this.connection[kWritable]) this.pump(true);
    if (callback) this[kWhenDrained]((error) => process.nextTick(callback, error));
    return true;
  }

  /** The engine's number of this session; of one that has ended it does nothing. @internal */
  get [kNative](): number {
    return this.#native;
  }

  /** @internal */
  get [kMaxBufferedBytes](): number {
    return this.settings.maxBufferedBytes;
  }

  /** Whether something can still leave. */
  protected abstract get isFlowing(): boolean;

  /** Whether the session is only kept to send what waits. */
  protected abstract get isClosing(): boolean;

  /** Why nothing can be sent. */
  protected abstract notConnected(): SseError;

  /** The connection threw. */
  protected abstract failed(error: Error): void;

  /**
   * Gives the engine an event whose fields are text already.
   *
   * @throws {SseError} `overloaded`
   * @internal
   */
  [kSend](data: string, name: string | undefined, id: string | undefined): void {
    if (!this.#attached) makeRoomFor(data, name, id);
    try {
      this.sent(native.push(this.#native, data, name, id));
    } catch (error) {
      throw sendError(error);
    }
  }

  /** Gives the engine an event that is text in an envelope. @throws {SseError} `overloaded` @internal */
  [kSendText](...enclosed: EnclosedText): void {
    if (!this.#attached) makeRoomForText(...enclosed);
    try {
      this.sent(native.pushText(this.#native, ...enclosed));
    } catch (error) {
      throw sendError(error);
    }
  }

  /** The engine was given something for this session, and may have notices. @internal */
  [kSent](): void {
    this.sent(true);
  }

  /** Gives the engine bytes in event stream syntax. @throws {SseError} `overloaded` */
  protected sendBuffer(buffer: NativeEventBuffer): void {
    // Only the engine knows how much it is.
    if (!this.#attached) makeRoom(Number.POSITIVE_INFINITY);
    try {
      this.sent(native.writeBuffer(this.#native, buffer));
    } catch (error) {
      throw sendError(error);
    }
  }

  /** Tells the client when to reconnect, in ms. @throws {SseError} `overloaded` */
  protected sendRetry(time: number): void {
    if (!this.#attached) makeRoom(64);
    try {
      this.sent(native.retry(this.#native, time));
    } catch (error) {
      throw sendError(error);
    }
  }

  /** The engine has something for this session, and `told` whether to ask it for notices. */
  protected sent(told: boolean): void {
    if (told) schedule();
    if (this.connection[kImmediate]) this.pump();
  }

  /** Opens the session in the engine. One that has ended already takes what is sent, to no effect. */
  protected open(receiver: NoticeReceiver | undefined): void {
    const attached = receiver && this.connection[kAttach](this.settings);
    this.#attached = attached !== undefined;
    this.#native = attached ?? openPulled(this.settings);
    if (receiver) receive(this.#native, receiver);
    else native.closeSession(this.#native);
  }

  /** What polyfills ask for by the query, and the time to reconnect. @throws {SseError} `overloaded` */
  protected sendPreamble(): void {
    const id = this.#native;
    const query = this.connection[kQuery];
    try {
      // Old browsers hand out a response only after 2 KiB.
      if (query?.has("padding")) native.comment(id, " ".repeat(2049));
      if (query?.has("evs_preamble")) native.comment(id, " ".repeat(2056));
      if (this.settings.retry !== null) native.retry(id, this.settings.retry);
    } catch (error) {
      throw sendError(error);
    }
    this.sent(true);
  }

  protected pump(regardless = false): void {
    const { connection } = this;
    if (this.#attached) return;
    try {
      while (regardless || connection[kWritable] || connection[kHasten]()) {
        // Anew each time: what is written to may push.
        const waiting = native.bufferedBytes(this.#native);
        if (waiting === 0) break;
        const size = connection[kImmediate] ? waiting : Math.min(waiting, chunkSize);
        const bytes = Buffer.allocUnsafe(size);
        const taken = native.take(this.#native, bytes);
        connection[kWrite](bytes.subarray(0, taken));
      }
      if (!connection[kIdle]) return;
      native.take(this.#native, nothing);
      // That is what these wait for; the engine's own call about it would not keep the process alive
      // until then.
      if (this.isClosing || this.#waiters?.size) schedule();
    } catch (error) {
      this.failed(error as Error);
    }
  }

  /** Nothing waits in the engine any more. */
  protected onDrained(count: number): void {
    this.#waiters?.resolve(count);
  }

  /** Settles those who wait for what has left, or never will because of `error`. */
  protected settle(error: SseError | undefined): void {
    if (error) this.#waiters?.reject(error);
    else this.#waiters?.resolve();
  }
}

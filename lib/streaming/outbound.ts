import { notSerializable, SseError } from "../errors.js";
import { kOnStop, kWhenDrained } from "../internal.js";
import type { Session } from "../session.js";
import { sendEvent } from "./delivery.js";
import type { WireEvent } from "./protocols/wire-event.js";

/** Above this many bytes that wait, a source is not read on. */
const readLimit = 64 * 1024;

/** What an event's fields take at most, beside its data. */
const fieldBytes = 64;

/** At most so many bytes, found without making the data of a text that may need escapes. */
function mostBytes(event: WireEvent): number {
  const { prepared } = event;
  return 1024 + (prepared ? 6 * prepared.text.length : 3 * event.data.length);
}

/**
 * The way of one answer's events to its session. Those that come before it has connected wait here,
 * and leave in their order when it does.
 */
export class Outbound {
  /** Events that were sent. */
  count = 0;
  readonly #session: Session;
  readonly #maxBufferedBytes: number;
  readonly #readLimit: number;
  /** Until the session has connected. */
  #waiting: WireEvent[] | undefined = [];
  #waitingBytes = 0;
  #isOver = false;
  #onConnected: (() => void) | undefined;

  /** @param onLost Called when the session ends before `end()`. */
  constructor(session: Session, maxBufferedBytes: number, onLost: () => void) {
    this.#session = session;
    this.#maxBufferedBytes = maxBufferedBytes;
    this.#readLimit = Math.min(readLimit, maxBufferedBytes / 2);
    session.once("connected", () => this.#connected());
    session[kOnStop](() => {
      if (!this.#isOver) onLost();
      this.#isOver = true;
      this.#onConnected?.();
    });
  }

  /** Whether what is sent can still reach the client. */
  get isActive(): boolean {
    return !this.#isOver;
  }

  /** @throws {SseError} `overloaded` when too much waits already for the session to connect */
  requireRoom(): void {
    if (this.#waitingBytes < this.#maxBufferedBytes / 2) return;
    throw new SseError(
      "overloaded",
      `${this.#waitingBytes} bytes wait for the client to connect; nothing was sent. Over Fetch, return the response first; pipe() waits by itself.`,
    );
  }

  /**
   * @throws {TypeError} for data that JSON has no form for; nothing was sent
   * @throws {SseError} `overloaded`
   */
  send(event: WireEvent): void {
    if (this.#isOver) return;
    if (event.prepared === undefined && typeof event.data !== "string") {
      throw notSerializable("the object cannot be sent: its toJSON gives nothing.");
    }
    this.count++;
    if (!this.#waiting) {
      sendEvent(this.#session, event);
      return;
    }
    this.#waiting.push(event);
    this.#waitingBytes += fieldBytes + Buffer.byteLength(event.data);
  }

  /** Sends what waits, then ends the response. Resolves when it has ended, or the client has gone. */
  async end(): Promise<void> {
    this.#isOver = true;
    if (!this.#waiting) await this.#session.close();
  }

  /** Resolves when events go to the session at once, or nowhere any more; undefined when they do. */
  connected(): Promise<void> | undefined {
    if (!this.#waiting || this.#isOver) return undefined;
    return new Promise((resolve) => {
      this.#onConnected = resolve;
    });
  }

  /** Resolves when the source may be read on; undefined when it may now. */
  ready(): Promise<void> | undefined {
    return this.#session.bufferedBytes > this.#readLimit ? this.#drained() : undefined;
  }

  /** Resolves when the event has room behind what waits; undefined when it has now. */
  room(event: WireEvent): Promise<void> | undefined {
    const waiting = this.#session.bufferedBytes;
    const fits = waiting === 0 || waiting + mostBytes(event) <= this.#maxBufferedBytes;
    return fits ? undefined : this.#drained();
  }

  /** Also when the stream is over: a client that takes nothing holds up nobody then. */
  #drained(): Promise<void> | undefined {
    if (this.#isOver) return undefined;
    return new Promise((resolve) => {
      const forget = this.#session[kOnStop](resolve);
      this.#session[kWhenDrained](() => {
        forget();
        resolve();
      });
    });
  }

  #connected(): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = undefined;
    this.#waitingBytes = 0;
    try {
      for (const event of waiting) sendEvent(this.#session, event);
    } catch (error) {
      void this.#session.close();
      throw error;
    }
    if (this.#isOver) void this.#session.close();
    this.#onConnected?.();
  }
}

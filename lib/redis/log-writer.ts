import { clearTimeout, setTimeout } from "node:timers";
import { SseError } from "../errors.js";
import type { Settle } from "../waiters.js";
import { settledWithin } from "./settled.js";

/** What goes in one script: Redis does nothing else meanwhile. */
const mostPerBatch = 128;
const mostBytesPerBatch = 256 * 1024;
/** Batches that are on their way at the same time. */
const mostUnderWay = 8;
const firstDelay = 50;
const longestDelay = 2000;
/** How long closing waits for Redis, in ms. */
export const longestEnd = 2000;
/** What an event takes beside its text, about. */
const overhead = 128;

/** What waits to be written, of all channels of a backplane. */
export class Budget {
  events = 0;
  bytes = 0;
  readonly maxEvents: number;
  readonly maxBytes: number;

  constructor(maxEvents: number, maxBytes: number) {
    this.maxEvents = maxEvents;
    this.maxBytes = maxBytes;
  }

  has(bytes: number): boolean {
    // One that is larger than the limit passes when nothing else waits.
    if (this.events === 0) return true;
    return this.events < this.maxEvents && this.bytes + bytes <= this.maxBytes;
  }

  take(bytes: number): void {
    this.events += 1;
    this.bytes += bytes;
  }

  give(bytes: number): void {
    this.events -= 1;
    this.bytes -= bytes;
  }
}

/** Events of one script, numbered by their producer. */
export interface Batch {
  /** Number of the first event. */
  readonly first: number;
  /** Number of the last event that is known to be written or given up. */
  readonly settled: number;
  /** Name and data of each. */
  readonly texts: readonly string[];
}

/** How a log writer reaches its log. */
export interface WriterLink {
  /** Whether batches can be sent now. */
  readonly isReady: boolean;
  /**
   * Sends a batch, together with all that is sent in the same turn. Resolves with the number of the last
   * event that the log has of this producer: one of the batch where it could not be written to its end;
   * rejects where that is not known, or it has none of the batch.
   */
  append(batch: Batch): Promise<unknown>;
  /** Asks for `flush()` at the end of this turn. */
  schedule(): void;
  /** Events were given up: Redis will never take them. */
  onFailure(error: SseError): void;
}

interface Queued {
  readonly name: string;
  readonly data: string;
  readonly size: number;
}

/**
 * Writes the events of one channel in their order. What may have been written though nobody knows, as the
 * connection broke, is sent again under the same numbers, by which the log tells.
 */
export class LogWriter {
  readonly #link: WriterLink;
  readonly #budget: Budget;
  /** Those that are not known to be written. */
  readonly #queue: Queued[] = [];
  /** Number of the last event that is not in the queue any more. */
  #settled = 0;
  /** How many of the queue are under way. */
  #sent = 0;
  #batches = 0;
  #waiters: { readonly number: number; readonly settle: Settle }[] = [];
  #failure: SseError | undefined;
  /** When to send anew what is under way, of which something was not written; all of it is waited for. */
  #repeat: "at once" | "later" | undefined;
  #delay = 0;
  #timer: NodeJS.Timeout | undefined;
  #isOpen = false;

  constructor(link: WriterLink, budget: Budget) {
    this.#link = link;
    this.#budget = budget;
  }

  /** Events that wait. */
  get size(): number {
    return this.#queue.length;
  }

  /** From now on what waits may be written: where the reader begins is known. */
  open(): void {
    this.#isOpen = true;
    this.#link.schedule();
  }

  /** @throws {SseError} `overloaded`, `backplane-unavailable` */
  append(name: string, data: string): void {
    const size = 2 * (name.length + data.length) + overhead;
    if (!this.#budget.has(size)) throw refused(this.#link.isReady, this.#budget);
    this.#budget.take(size);
    this.#queue.push({ name, data, size });
    if (this.#isOpen) this.#link.schedule();
  }

  /** Resolves when all that was appended before is written; rejects as soon as some of it is given up. */
  published(): Promise<void> {
    const failure = this.#failure;
    if (failure) {
      this.#failure = undefined;
      return Promise.reject(failure);
    }
    return this.#emptied();
  }

  /** Sends what can be sent. */
  flush(): void {
    if (!this.#isOpen || this.#repeat || this.#timer) return;
    while (this.#link.isReady && this.#batches < mostUnderWay && this.#sent < this.#queue.length) {
      this.#sendBatch();
    }
  }

  /** Redis can be reached again. */
  resume(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#delay = 0;
    this.#link.schedule();
  }

  /** Resolves when all is written, or cannot be soon. */
  async end(): Promise<void> {
    if (this.#queue.length === 0 || !this.#link.isReady) return;
    // Whatever was given up before, and nobody asked about.
    await settledWithin(this.#emptied(), longestEnd);
  }

  /** Gives up what waits. */
  fail(error: SseError): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#queue.length > 0) this.#giveUp(this.#settled + this.#queue.length, error);
  }

  /** Resolves when all of the queue is written; rejects as soon as some of it is given up. */
  #emptied(): Promise<void> {
    if (this.#queue.length === 0) return Promise.resolve();
    const number = this.#settled + this.#queue.length;
    return new Promise((resolve, reject) => {
      const settle: Settle = (error) => (error ? reject(error) : resolve());
      this.#waiters.push({ number, settle });
    });
  }

  #sendBatch(): void {
    const first = this.#settled + this.#sent + 1;
    const texts: string[] = [];
    let bytes = 0;
    while (this.#sent < this.#queue.length && texts.length < 2 * mostPerBatch) {
      const { name, data, size } = this.#queue[this.#sent] as Queued;
      if (bytes > 0 && bytes + size > mostBytesPerBatch) break;
      bytes += size;
      texts.push(name, data);
      this.#sent += 1;
    }
    const last = this.#settled + this.#sent;
    this.#batches += 1;
    this.#link.append({ first, settled: this.#settled, texts }).then(
      (written) => this.#written(Math.min(Number(written), last), last),
      (error) => this.#failed(last, error),
    );
  }

  #written(number: number, last: number): void {
    this.#batches -= 1;
    this.#settle(number);
    // Why the rest was not written is told when it is sent alone.
    if (number < last) this.#repeat ??= "at once";
    if (this.#repeat) {
      this.#again();
      return;
    }
    this.#delay = 0;
    this.flush();
  }

  #failed(last: number, error: unknown): void {
    this.#batches -= 1;
    // Not when an earlier one has failed: this one may be fine.
    if (isFinal(error) && !this.#repeat) {
      this.#giveUp(last, unwritable(error, last - this.#settled));
    }
    this.#repeat ??= isFinal(error) ? "at once" : "later";
    this.#again();
  }

  /** When nothing is under way any more, sends anew what is not known to be written. */
  #again(): void {
    if (this.#batches > 0) return;
    this.#sent = 0;
    const repeat = this.#repeat;
    this.#repeat = undefined;
    if (this.#queue.length === 0) return;
    if (repeat === "at once") {
      this.#link.schedule();
      return;
    }
    this.#delay = Math.min(longestDelay, Math.max(firstDelay, 2 * this.#delay));
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#link.schedule();
    }, this.#delay);
    this.#timer.unref();
  }

  /** All up to `number` are in the log, or given up. */
  #settle(number: number, error?: SseError): void {
    const count = number - this.#settled;
    if (count <= 0) return;
    for (const { size } of this.#queue.splice(0, count)) this.#budget.give(size);
    this.#settled = number;
    this.#sent = Math.max(0, this.#sent - count);
    // Each waits for all of the queue up to its number, thus for the oldest: what is given up concerns
    // all of them, those as well whose latest events may yet be written.
    const isOver = (waiter: { number: number }) => error !== undefined || waiter.number <= number;
    const over = this.#waiters.filter(isOver);
    this.#waiters = this.#waiters.filter((waiter) => !isOver(waiter));
    for (const { settle } of over) settle(error);
    // Nobody was told that way.
    if (error && over.length === 0) this.#failure ??= error;
  }

  #giveUp(number: number, error: SseError): void {
    this.#settle(number, error);
    this.#link.onFailure(error);
  }
}

/** Whether sending the same again would fail again: the key is of another type, or may not be written. */
export function isFinal(error: unknown): boolean {
  const message = error instanceof Error ? error.message : String(error);
  return /^(?:WRONGTYPE|NOPERM|ERR (?!Error running script))/.test(message);
}

function unwritable(cause: unknown, count: number): SseError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new SseError(
    "backplane-unavailable",
    `Redis does not take what was broadcast: ${why}. Broadcasts that were sent to nobody: ${count}.`,
    { cause },
  );
}

function refused(isReady: boolean, { events, bytes }: Budget): SseError {
  const waiting = `${events} broadcasts (${bytes} bytes) wait to be written to Redis`;
  if (isReady) {
    return new SseError(
      "overloaded",
      `${waiting}; nothing was sent. Broadcast less, or wait for published().`,
    );
  }
  return new SseError(
    "backplane-unavailable",
    `${waiting}, which cannot be reached; nothing was sent. Broadcast again later.`,
  );
}

import type { WireEvent } from "../protocols/index.js";

/** What an event counts for besides its text. */
const overhead = 64;

/** What keeping an event takes, about: of one in an envelope, only the text is its own. */
export function eventSize(of: WireEvent): number {
  // `data` of an event in an envelope is made each time that it is asked for.
  if (of.prepared) return overhead + of.prepared.text.length;
  return overhead + of.data.length + (of.event?.length ?? 0);
}

/** Somebody who reads a log at a pace of their own; what they have still to read stays in it. */
export class LogReader {
  /** Of the event to read next. */
  number: number;
  readonly #log: EventLog;

  constructor(log: EventLog, number: number) {
    this.#log = log;
    this.number = number;
  }

  /** The event to read next, or nothing at the log's end. */
  get event(): WireEvent | undefined {
    return this.#log.get(this.number);
  }

  close(): void {
    this.#log.leave(this);
  }
}

/**
 * The latest events of a run, by number from 0: as many as fit, and what is being read. All of them
 * share their text with the parts of the run, whose limit is theirs too.
 */
export class EventLog {
  readonly #maxBytes: number;
  readonly #events = new Map<number, WireEvent>();
  readonly #readers = new Set<LogReader>();
  #first = 0;
  #end = 0;
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** The number of the next event. */
  get end(): number {
    return this.#end;
  }

  /** The number of the oldest event that is held. */
  get first(): number {
    return this.#first;
  }

  /** Returns the event's number. The latest event is always held. */
  push(event: WireEvent): number {
    this.#events.set(this.#end, event);
    this.#bytes += eventSize(event);
    this.#end++;
    this.#trim();
    return this.#end - 1;
  }

  get(number: number): WireEvent | undefined {
    return this.#events.get(number);
  }

  /** @param number of an event that is held, or of the next one */
  read(number: number): LogReader {
    const reader = new LogReader(this, number);
    this.#readers.add(reader);
    return reader;
  }

  leave(reader: LogReader): void {
    this.#readers.delete(reader);
    this.#trim();
  }

  #trim(): void {
    if (this.#bytes <= this.#maxBytes) return;
    let least = this.#end - 1;
    for (const { number } of this.#readers) least = Math.min(least, number);
    while (this.#bytes > this.#maxBytes && this.#first < least) this.#evict();
  }

  #evict(): void {
    const oldest = this.#events.get(this.#first);
    if (oldest) this.#bytes -= eventSize(oldest);
    this.#events.delete(this.#first);
    this.#first++;
  }
}

import type { SseError } from "./errors.js";
import type { ChannelLog, LogEntry } from "./history/log.js";

/**
 * Between a `Channel` and a log that several processes share, so that another log can take the place
 * of Redis Streams.
 *
 * What a log guarantees:
 * - **Order.** All who follow the log of a name get its entries in one order, that of the log. The
 *   process that appended an entry gets it in its turn, as all others do.
 * - **Once.** Each process gets an entry once, and the log has what was appended once, even where the
 *   connection broke and nobody knows whether the first attempt came through.
 * - **Nothing is lost silently.** Entries are numbered. The number that follows another's is one more;
 *   where it is not, entries were lost: the log dropped them before they were read. What cannot be
 *   appended is refused by `append` or told by `published` and `onError`.
 * - **Bounds.** What waits to be appended is bounded by entries and bytes, what is read at once is too.
 */
export interface Backplane {
  /**
   * Follows the log of `name`, from its end on: whatever `append` of the result is given comes back, and what
   * others append while sessions are there, though the end may still be sought.
   *
   * @throws {SseError} `invalid-option` for a name that is followed already, `closed`
   */
  follow(name: string, receiver: LogReceiver): BackplaneLog;
  /** Writes what waits, if the log can be reached, then lets go of everything. */
  close(): Promise<void>;
}

/** A place in a log. */
export interface LogPosition {
  /** Of the entry there. It is the id of the event, too; ids increase as long as the log is the same. */
  readonly id: string;
  /** Of the entry there. */
  readonly number: number;
}

/** An event as a log keeps it, at its place. */
export interface NumberedEntry extends LogEntry, LogPosition {}

/** Who follows a log: a channel. */
export interface LogReceiver {
  /**
   * Entries after `position` come next. Called before the first of them, and whenever the log has begun
   * anew or lost its end, so that what comes next does not follow on what came before.
   *
   * @throws {SseError} `overloaded`, to be told the same again a little later
   */
  onPosition(position: LogPosition): void;
  /** @throws {SseError} `overloaded`, to be given the same entry again a little later */
  onEntry(entry: NumberedEntry): void;
  /** What was appended could not be written and is given up, or the log cannot be reached: once each time. */
  onError(error: SseError): void;
  /** How many sessions this process has, for `presence()`. */
  sessionCount(): number;
}

/** The log of one channel, followed by this process. */
export interface BackplaneLog extends ChannelLog {
  /**
   * Appends an event. All that are appended in one turn of the event loop are written together.
   *
   * @throws {SseError} `overloaded` when too much waits to be written, `backplane-unavailable` when it does
   * since the log cannot be reached, `closed`; nothing was appended then
   */
  append(name: string, data: string): void;
  /**
   * @returns A promise that resolves when the log has all that was appended before. It rejects with
   * `SseError` `backplane-unavailable` when some of it could not be written and was given up, since the
   * last call that told so.
   */
  published(): Promise<void>;
  /**
   * Only an entry that has exactly the id `since` is one to go on from; a client can send anything. After
   * `"0-0"` comes the first entry of the log, where that was empty when it began to be followed. A hole
   * between entries is a gap, too. Waits for a while when the log cannot be reached.
   *
   * @returns A promise that rejects with `SseError` `backplane-unavailable`, `closed`
   */
  read: ChannelLog["read"];
  /** Tells other processes soon that `sessionCount()` has changed. */
  countChanged(): void;
  /** @returns A promise that rejects with `SseError` `backplane-unavailable`, `closed` */
  presence(): Promise<Presence>;
  stats(): LogStats;
  /** Writes what waits, if the log can be reached, then follows no longer. */
  close(): Promise<void>;
}

/** Sessions of a channel in all processes. */
export interface Presence {
  /** Sessions that are registered now. */
  sessions: number;
  /** Processes that have some of them; those that have none are not counted. */
  processes: number;
}

/** What the log of a channel is doing. */
export interface LogStats {
  /** Whether the log can be reached, and is being followed. */
  isConnected: boolean;
  /** Events that wait to be written. */
  queued: number;
  /** Entries of the log that were skipped, since no channel wrote them. */
  foreign: number;
}

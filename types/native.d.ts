/**
 * The surface of the native addon: the contract between `lib/` and `binding/`.
 *
 * One engine per JavaScript environment (main thread or worker). A session and a channel are named by
 * a number that is never reused within an environment; a call that names one that has ended does nothing.
 *
 * Calls that may leave work for JavaScript return `true` when, and only when, `collect()` has to be called
 * and nobody has been told so yet: schedule one `collect()` then. Work that other threads leave is announced
 * through `onNotices`.
 */

/**
 * What `collect()` reports; the value's meaning follows each kind.
 * 0 Ready: pull lane, the session has bytes to `take()`; value: how many wait now.
 * 1 Drained: nothing waits any more; value: how many calls of `awaitDrain()` that answers, the first ones.
 * 2 Dropped: the slow-consumer policy dropped events; value: how many since the last notice.
 * 3 Ended: every byte that waited before `endSession()` has left; the session is gone; value: 0.
 * 4 Closed: the engine has given the session up, it is gone; value: a `CloseReason`.
 */
export type NoticeKind = 0 | 1 | 2 | 3 | 4;

/** 0 slow consumer, 1 write timeout, 2 the peer reset or closed the connection, 3 another socket error. */
export type CloseReason = 0 | 1 | 2 | 3;

/** What to do when a session's limit is reached: 0 disconnect, 1 drop the oldest, 2 drop the newest event. */
export type SlowConsumer = 0 | 1 | 2;

/** Fields of an event; `undefined` leaves the field out, `""` writes it empty. Data is always written. */
export interface NativeEventBuffer {
  event(name: string): void;
  data(text: string): void;
  id(id: string): void;
  /** `milliseconds` is a whole number >= 0, checked by the caller. */
  retry(milliseconds: number): void;
  comment(text: string): void;
  dispatch(): void;
  push(data: string, event: string | undefined, id: string | undefined): void;
  clear(): void;
  read(): string;
}

declare const envelope: unique symbol;

/**
 * The constant part of events whose data is JSON around one piece of text, encoded once. Immutable; it can be
 * used for any session and channel.
 */
export interface NativeEnvelope {
  readonly [envelope]: true;
}

export interface NativeAddon {
  EventBuffer: new () => NativeEventBuffer;
  /**
   * `before` ends within a JSON string, `after` begins with the quote that ends it. Throws a TypeError when
   * `before` is empty or one of them holds a CR or LF.
   */
  Envelope: new (
    event: string | undefined,
    before: string,
    after: string,
  ) => NativeEnvelope;

  /**
   * Opens a session on the pull lane, whose bytes JavaScript takes.
   * `keepAlive` and `writeTimeout` are in ms, 0 means never; `maxBufferedBytes` >= 1.
   */
  openSession(
    keepAlive: number,
    writeTimeout: number,
    maxBufferedBytes: number,
    slowConsumer: SlowConsumer,
  ): number;
  /**
   * Opens a session on the socket lane: an I/O thread writes to a duplicate of the connected, non-blocking
   * stream socket `fd`, each event in an HTTP/1.1 chunk when `chunked`. Returns the session, or -errno when
   * the system has no descriptor or thread left; nothing has happened then.
   */
  attachSocket(
    fd: number,
    chunked: boolean,
    keepAlive: number,
    writeTimeout: number,
    maxBufferedBytes: number,
    slowConsumer: SlowConsumer,
  ): number;
  /**
   * Copies waiting bytes into `into` and removes them; returns how many were copied. They are under way until
   * the next call, which says that they have left: `writeTimeout` runs, and nothing is `Drained` or `Ended`
   * before.
   */
  take(session: number, into: Uint8Array): number;
  /** Frees the session and whatever waits in it, without a notice. */
  closeSession(session: number): void;
  /** Flush, then `Ended`. What is sent to the session afterwards is ignored. */
  endSession(session: number): boolean;
  /** Bytes that wait to be sent. */
  bufferedBytes(session: number): number;
  /** Asks for a `Drained` notice, at the earliest when all that was sent so far has left. */
  awaitDrain(session: number): boolean;

  // Whatever sends throws an Error with code "overloaded" when an I/O thread is hundreds of MiB behind; nobody
  // got anything then.
  push(session: number, data: string, event: string | undefined, id: string | undefined): boolean;
  /**
   * Sends the event that `push()` makes of the data `before`, the text as it stands within a JSON string (exactly
   * `JSON.stringify(text).slice(1, -1)`, lone surrogates included), `after`, and, with a number, its digits and
   * `}`. `number` is a whole number from 0 to 2^53 - 1, checked by the caller.
   */
  pushText(
    session: number,
    envelope: NativeEnvelope,
    text: string,
    number: number | undefined,
    id: string | undefined,
  ): boolean;
  retry(session: number, milliseconds: number): boolean;
  comment(session: number, text: string): boolean;
  /** Bytes that are already in event stream syntax: not escaped. */
  write(session: number, bytes: Uint8Array): boolean;
  /** The contents of an event buffer; the buffer stays as it is. */
  writeBuffer(session: number, buffer: NativeEventBuffer): boolean;

  /** Names a channel. It takes memory only while it has members. */
  newChannel(): number;
  join(channel: number, session: number): void;
  leave(channel: number, session: number): void;
  broadcast(
    channel: number,
    data: string,
    event: string | undefined,
    id: string | undefined,
  ): boolean;
  /** As `pushText()`, to a channel. */
  broadcastText(
    channel: number,
    envelope: NativeEnvelope,
    text: string,
    number: number | undefined,
    id: string | undefined,
  ): boolean;
  /** One event to the first `count` sessions of `sessions`. */
  multicast(
    sessions: Float64Array,
    count: number,
    data: string,
    event: string | undefined,
    id: string | undefined,
  ): boolean;

  /**
   * Gives a channel, which must have none, a history: of `events` events, `bytes` bytes and `ms` ms at most; 0 is
   * no limit. It is there until `closeHistory()`. Its events are numbered from 1, without a gap.
   */
  openHistory(channel: number, events: number, bytes: number, ms: number): void;
  closeHistory(channel: number): void;
  /** Lets go of all that it holds. */
  clearHistory(channel: number): void;
  /**
   * As `broadcast()`, and the history keeps the event. `order` is greater with each, and what `heldAfter()` goes by.
   * `true` is also returned when `advance()` is due earlier than it said.
   */
  broadcastKept(
    channel: number,
    order: number,
    data: string,
    event: string | undefined,
    id: string | undefined,
  ): boolean;
  /** As `multicast()`, and the channel's history keeps the event; see `broadcastKept()`. */
  multicastKept(
    channel: number,
    order: number,
    sessions: Float64Array,
    count: number,
    data: string,
    event: string | undefined,
    id: string | undefined,
  ): boolean;
  /** Lets go of what is too old. Returns [first number held, first number not given yet, bytes, order let go of last]. */
  historyState(channel: number): Float64Array;
  /** The number of the event that is held with this id; 0 when there is none. */
  heldSequence(channel: number, id: string): number;
  /** The number of the first event held whose order is greater; the first not given yet when there is none. */
  heldAfter(channel: number, order: number): number;
  /** Undefined when the history does not hold the event. */
  heldId(channel: number, sequence: number): string | undefined;
  /**
   * Sends to a session what is held from `from` until, not including, `until`, `budget` bytes of it at most, where
   * each event counts 64 more than it has. When nothing waits for the session, the first goes whatever it takes.
   * Returns the number of the first that was not sent, for lack of budget or because an I/O thread is far behind.
   * Call `collect()` afterwards: it may leave notices.
   */
  replay(channel: number, session: number, from: number, until: number, budget: number): number;

  /** Runs the timers of the pull lane and of histories. Returns the ms until the next one is due, or -1 when there is none. */
  advance(): number;
  /** All notices since the last call as triples (session, NoticeKind, value), oldest first. */
  collect(): Float64Array | undefined;
  /** `callback` is called on the JavaScript thread when another thread has left notices. */
  onNotices(callback: () => void): void;
  stats(): NativeStats;
  /** Sends once more what can be sent without waiting and ends the I/O threads; their sessions are gone. */
  stop(): void;
}

/** Counts since the engine started, over both lanes. */
export interface NativeStats {
  /** Events, comments and chunks whose last byte has left, counted once for each session. */
  frames: number;
  bytes: number;
  /** Times that bytes were sent or taken. */
  sends: number;
  /** Frames that left together with an earlier one. */
  coalesced: number;
  /** Times that a socket took no more. */
  blocked: number;
  /** Events dropped by the slow-consumer policy. */
  dropped: number;
}

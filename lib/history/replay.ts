import { nameField } from "../encoding.js";
import { makeRoom } from "../engine.js";
import {
  kLastBroadcast,
  kNative,
  kPushListeners,
  kReplaying,
  kSend,
  kSent,
  kSessionEnded,
  kSetLastId,
  type LastEvent,
  nextSequence,
  type SessionObserver,
} from "../internal.js";
import { native } from "../native.js";
import type { Gap, GapDetails } from "./gap.js";
import { type ChannelLog, type LogEntry, type LogPage, noEntry } from "./log.js";
import type { Ring } from "./ring.js";

/** What a session has to tell and to do while it is replayed to. */
export interface Replayed {
  readonly isConnected: boolean;
  readonly bufferedBytes: number;
  readonly lastId: string;
  readonly [kNative]: number;
  drained(): Promise<void>;
  [kSend](data: string, name: string | undefined, id: string | undefined): void;
  [kSent](): void;
  [kSetLastId](id: string, sequence: number): void;
}

/** What a replay needs of its channel. */
export interface ReplaySource<Member> {
  readonly ring: Ring<Member>;
  readonly log: ChannelLog | undefined;
  /**
   * The id of the event that came from the log last, or after which it began to come: null for the
   * beginning, undefined while that is not known.
   */
  readonly position: string | null | undefined;
  /** Reads the log, and tells why that cannot be done. As `ChannelLog` has it; nothing without a log. */
  readLog(since: string | null, signal: AbortSignal): Promise<LogPage | undefined>;
  onGap(member: Member, gap: GapDetails): void;
  onEnded(member: Member): void;
}

/** Where a replay begins. */
export interface ReplayStart {
  /** The number of the first event to send; undefined for the one after `since` in the log. */
  next: number | undefined;
  /** The id that the client got last; null for none. */
  since: string | null;
  /** What the client is told first. */
  gap?: Gap | undefined;
  onGap: "all" | "none";
  /** The place among all ids of the process after which the client may get ids of others out of order. */
  from: number;
}

/** What to wait for, or whether to go on, or that there is nothing more. */
type Step = Promise<unknown> | "more" | "level";

/** What an event takes of a session's limit beside its bytes; see src/hub/outbox.h. */
const frameOverhead = 64;
/** The part of a session's limit that a replay may take; the rest is for what else it is sent. */
const part = 1 / 4;
const nothing: LastEvent = { id: "", sequence: 0 };

/**
 * Sends a session what its client has not got of a channel, no faster than the client takes it.
 *
 * Meanwhile it stands in for the channel with the session, and what is broadcast goes to the ring only,
 * whence it comes here in its turn. The session joins the channel in the turn in which it was sent the
 * last event of the ring: so nothing is missed, doubled or reordered between the two.
 */
export class Replay<Member extends Replayed> implements SessionObserver<Member> {
  readonly session: Member;
  readonly from: number;
  readonly [kLastBroadcast] = nothing;
  readonly [kReplaying] = true;
  readonly #source: ReplaySource<Member>;
  readonly #limit: number;
  readonly #onGap: "all" | "none";
  #next: number | undefined;
  #since: string | null;
  #gap: Gap | undefined;
  /** What was read of the log last. */
  #page: readonly LogEntry[] = [];
  #sentOfPage = 0;
  /** What the events take beside their bytes that were sent since nothing waited. */
  #overhead = 0;
  /** The event that the session was found to have a right to, but no room for. */
  #allowed: number | undefined;
  #wake: (() => void) | undefined;
  /** Of what is read of the log. */
  #reading: AbortController | undefined;
  #isStopped = false;
  #isMixed: boolean;
  #hasSent = false;

  /** @param maxBufferedBytes that of the session */
  constructor(
    session: Member,
    maxBufferedBytes: number,
    source: ReplaySource<Member>,
    { next, since, gap, onGap, from }: ReplayStart,
  ) {
    this.session = session;
    this.from = from;
    this.#source = source;
    this.#limit = Math.max(1, Math.floor(maxBufferedBytes * part));
    this.#onGap = onGap;
    this.#next = next;
    this.#since = since;
    this.#gap = gap;
    this.#isMixed = this.#isForeign;
  }

  /** Whether nothing more is sent. */
  get isOver(): boolean {
    return this.#isStopped || !this.session.isConnected;
  }

  /** Whether the session was sent ids of others before it had got all of this channel. */
  get isMixed(): boolean {
    return this.#isMixed || this.#isForeign;
  }

  get hasSent(): boolean {
    return this.#hasSent;
  }

  /** Where it is: as the start of another. */
  get place(): Pick<ReplayStart, "next" | "since"> {
    return { next: this.#next, since: this.#since };
  }

  /** Another event has come from the log. */
  wake(): void {
    this.#wake?.();
    this.#wake = undefined;
  }

  /** What the ring holds does not follow on what it held before: the log tells. */
  reread(): void {
    this.#next = undefined;
    this.#page = [];
    this.#sentOfPage = 0;
  }

  stop(): void {
    this.#isStopped = true;
    this.#reading?.abort();
    this.wake();
  }

  /**
   * Sends what there is room for. Returns what to wait for before the next step, which rejects when the
   * session ends; undefined when the session was sent all, or this is over.
   */
  step(): Promise<unknown> | undefined {
    this.#isMixed ||= this.#isForeign;
    makeRoom(this.#limit);
    try {
      while (!this.isOver) {
        const step = this.#tellGap() ?? this.#read();
        if (step === "level") return undefined;
        if (step !== "more") return step;
      }
      return undefined;
    } catch (error) {
      if ((error as { code?: unknown } | null)?.code !== "overloaded") throw error;
      return this.#drained();
    }
  }

  [kSessionEnded](session: Member): void {
    this.stop();
    this.#source.onEnded(session);
  }

  [kPushListeners](): void {}

  get #isForeign(): boolean {
    return this.session.lastId !== (this.#since === noEntry ? "" : (this.#since ?? ""));
  }

  /** Bytes that may be sent now. An event that takes more goes when nothing waits. */
  get #room(): number {
    return this.#limit - this.session.bufferedBytes - this.#overhead;
  }

  #drained(): Promise<void> {
    this.#overhead = 0;
    return this.session.drained();
  }

  #tellGap(): Step | undefined {
    const gap = this.#gap;
    if (!gap) return undefined;
    this.session[kSend](JSON.stringify(gap), "gap", undefined);
    this.#overhead += frameOverhead;
    this.#gap = undefined;
    const since = this.#since;
    // Of a log without entries: what comes next follows on nothing, and to be asked the same again would
    // have the same answer.
    if (this.#next === undefined && this.#page.length === 0) this.#since = null;
    this.#source.onGap(this.session, { ...gap, since });
    return "more";
  }

  #read(): Step {
    if (this.#next !== undefined) return this.#readRing(this.#next);
    const entry = this.#page[this.#sentOfPage];
    return entry ? this.#sendEntry(entry) : this.#readLog(this.#since);
  }

  #readRing(next: number): Step {
    const { ring, log } = this.#source;
    const { first, end } = ring.held;
    if (next < first) {
      if (log && this.#since !== null) this.#next = undefined;
      else this.#skip({ reason: "evicted", oldest: ring.oldestFor(this.session) });
      return "more";
    }
    const room = this.#room;
    // What is live would come on top of what waits.
    if (next === end) return room < 0 ? this.#drained() : "level";
    const filtered = ring.firstFiltered(next, end);
    if (filtered > next) return this.#sendHeld(next, filtered, room);
    if (this.#allowed === next) return this.#sendHeld(next, next + 1, room);
    if (ring.lets(this.session, next)) this.#allowed = next;
    else this.#next = next + 1;
    // Filters may have done anything: what is held is looked at again.
    return "more";
  }

  #sendHeld(next: number, until: number, room: number): Step {
    const { ring } = this.#source;
    const { session } = this;
    const budget = Math.max(0, room);
    const reached = native.replay(ring.channel, session[kNative], next, until, budget);
    if (reached === next) return this.#drained();
    this.#next = reached;
    this.#overhead += (reached - next) * frameOverhead;
    this.#noteId(ring.idOf(reached - 1) ?? "");
    session[kSent]();
    return reached < until ? this.#drained() : "more";
  }

  /** Goes on with the oldest event held, or after all of them. */
  #skip(gap: Gap): void {
    const { first, end } = this.#source.ring.held;
    this.#gap = gap;
    this.#next = this.#onGap === "all" ? first : end;
  }

  /** What comes after the event in the log, unless the ring has it by now. */
  #readLog(since: string | null): Step {
    const { ring, position } = this.#source;
    const number = since === null ? undefined : ring.numberOf(since);
    if (number !== undefined) this.#next = number + 1;
    else if (since !== null && since === position) this.#next = ring.held.end;
    else return this.#readPage(since);
    return "more";
  }

  async #readPage(since: string | null): Promise<void> {
    const { ring } = this.#source;
    // Before it is read: an event that comes then may be the next one.
    const woken = new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#reading ??= new AbortController();
    try {
      const { entries = [], gap } = (await this.#source.readLog(since, this.#reading.signal)) ?? {};
      if (gap && this.#onGap === "none") return this.#skip(gap);
      this.#gap = gap;
      this.#page = entries;
      this.#sentOfPage = 0;
      if (entries.length > 0 || gap) return;
    } catch {
      if (this.isOver) return;
      return this.#skip({ reason: "unknown", oldest: ring.oldestFor(this.session) });
    }
    if (since === this.#source.position) this.#next = ring.held.end;
    else await woken;
  }

  #sendEntry({ id, name, data }: LogEntry): Step {
    const { session } = this;
    const size = Buffer.byteLength(data) + name.length + id.length + frameOverhead;
    if (size > this.#room && session.bufferedBytes > 0) return this.#drained();
    session[kSend](data, nameField(name), id);
    this.#sentOfPage += 1;
    this.#overhead += frameOverhead;
    this.#noteId(id);
    return "more";
  }

  #noteId(id: string): void {
    this.#hasSent = true;
    this.#since = id;
    this.session[kSetLastId](id, nextSequence());
  }
}

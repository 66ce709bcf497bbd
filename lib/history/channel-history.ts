import { autoOrder, orderOf } from "../auto-id.js";
import { warn } from "../errors.js";
import {
  kJoined,
  kLeft,
  kMaxBufferedBytes,
  kPresentedId,
  type SessionObserver,
} from "../internal.js";
import type { GapDetails } from "./gap.js";
import { type ChannelLog, type LogPage, noEntry } from "./log.js";
import type { RegisterOptions } from "./options.js";
import { Replay, type Replayed, type ReplaySource, type ReplayStart } from "./replay.js";
import type { Ring } from "./ring.js";
import type { Range } from "./unplaced.js";

type Start = Omit<ReplayStart, "from">;

/** Where a session left; without `since`, where the log begins to be followed, which was not known then. */
type Left = Pick<ReplayStart, "next"> & { readonly since: string | null | undefined };

/** What a session that has been away has to tell and to do. */
export interface Returning<Member> extends Replayed {
  readonly lastId: string;
  /** The id that its client says it got last. */
  readonly [kPresentedId]: string;
  readonly [kMaxBufferedBytes]: number;
  [kJoined](observer: SessionObserver<Member>): void;
  [kLeft](observer: SessionObserver<Member>): void;
  close(): Promise<void>;
}

/** What a channel is told about its sessions that are replayed to. */
export interface ReplayHost<Member> {
  /** The session was sent all that there is: it must join now. */
  onLevel(member: Member): void;
  onGap(member: Member, gap: GapDetails): void;
  onEnded(member: Member): void;
}

/**
 * For how long after a replay, in the units of `autoOrder()`, a session that ends may not have got it: what
 * was sent is on its way for a while.
 */
const settling = 30_000 * 1024;

/** Where the events begin, among all ids of the process, that sessions were replayed, and when that ended. */
const replays = new WeakMap<object, Range>();

/** What a channel has sent, and the sessions that get what they have not got yet of it. */
export class ChannelHistory<Member extends Returning<Member>> implements ReplaySource<Member> {
  readonly ring: Ring<Member>;
  readonly #host: ReplayHost<Member>;
  readonly #replays = new Map<Member, Replay<Member>>();
  /** Where sessions were that were deregistered. */
  readonly #left = new WeakMap<Member, Left>();
  /** The places of ids of others that sessions may have got before what this channel replayed to them. */
  readonly #mixed = new WeakMap<Member, Range>();
  #log: ChannelLog | undefined;
  #position: string | null | undefined;
  /** The first position that was known. */
  #start: string | undefined;
  /** Whether it has been told that the log cannot be read. */
  #isUnreadable = false;

  constructor(ring: Ring<Member>, host: ReplayHost<Member>) {
    this.ring = ring;
    this.#host = host;
  }

  get log(): ChannelLog | undefined {
    return this.#log;
  }

  get position(): string | null | undefined {
    return this.#position;
  }

  /** The sessions that are replayed to. */
  get replayed(): ReadonlyMap<Member, unknown> {
    return this.#replays;
  }

  /** What the ring does not hold is in the log, of which the event with this id has come last. */
  readFrom(log: ChannelLog, position: string | null | undefined): void {
    this.#log = log;
    this.#position = position;
    if (this.#start === undefined) this.#start = position === null ? noEntry : position;
    for (const replay of this.#replays.values()) replay.wake();
  }

  /** That the log cannot be read is told once for all sessions, until it was read again. */
  async readLog(since: string | null, signal: AbortSignal): Promise<LogPage | undefined> {
    try {
      const page = await this.#log?.read(since, signal);
      this.#isUnreadable = false;
      return page;
    } catch (error) {
      // Who has gone does not need it any more.
      if (!signal.aborted && !this.#isUnreadable) {
        this.#isUnreadable = true;
        warn("a log could not be read", error);
      }
      throw error;
    }
  }

  /** What comes next from the log does not follow on what came before. */
  breakOff(): void {
    this.ring.clear();
    for (const replay of this.#replays.values()) replay.reread();
  }

  /** The event with this id has come from the log, and is in the ring. */
  onDelivered(id: string): void {
    this.#position = id;
    for (const replay of this.#replays.values()) replay.wake();
  }

  /** Sends the session what it has not got; then it joins. */
  register(session: Member, options: RegisterOptions): void {
    const start = this.#startOf(session, options);
    this.#left.delete(session);
    if (!start) {
      this.#host.onLevel(session);
      return;
    }
    const from = this.#noteReplay(session, start.since);
    const replay = new Replay(session, session[kMaxBufferedBytes], this, { ...start, from });
    this.#replays.set(session, replay);
    session[kJoined](replay);
    const wait = replay.step();
    if (wait) void this.#follow(replay, wait);
    else this.#end(replay);
  }

  /** Notes where a session leaves. Returns whether it was replayed to, which it is no more. */
  leave(session: Member): boolean {
    const replay = this.#replays.get(session);
    this.#left.set(session, replay?.place ?? this.#now());
    if (replay) this.#stop(replay);
    return replay !== undefined;
  }

  onGap(session: Member, gap: GapDetails): void {
    this.#host.onGap(session, gap);
  }

  /** The session is gone. */
  forget(session: Member): void {
    const now = autoOrder();
    const replay = this.#replays.get(session);
    this.#replays.delete(session);
    const mixed = this.#mixed.get(session);
    if (replay?.isMixed) this.ring.unplaced.add(replay.from, now);
    else if (mixed && now - mixed.to < settling) this.ring.unplaced.add(mixed.from, mixed.to);
  }

  onEnded(session: Member): void {
    this.#host.onEnded(session);
  }

  async #follow(replay: Replay<Member>, first: Promise<unknown>): Promise<void> {
    const { session } = replay;
    try {
      for (let wait: Promise<unknown> | undefined = first; wait; wait = replay.step()) await wait;
      this.#end(replay);
    } catch (error) {
      // Else the client has gone, of which the session tells.
      if (replay.isOver) return;
      warn("a replay failed", error);
      // It can come back for the rest.
      await session.close();
    }
  }

  #end(replay: Replay<Member>): void {
    if (replay.isOver) return;
    const { session, from, isMixed, hasSent } = replay;
    if (isMixed && hasSent) this.#mixed.set(session, { from, to: autoOrder() });
    this.#stop(replay);
    this.#host.onLevel(session);
  }

  #stop(replay: Replay<Member>): void {
    const { session } = replay;
    replay.stop();
    this.#replays.delete(session);
    const range = replays.get(session);
    if (range) range.to = autoOrder();
    session[kLeft](replay);
  }

  /**
   * Notes that the session gets old events now. Returns the place of the oldest id of others that its client
   * may get, or have on its way, before these.
   */
  #noteReplay(session: Member, since: string | null): number {
    const now = autoOrder();
    const recently = now - settling;
    const last = replays.get(session);
    const others = last && last.to > recently ? last.from : recently;
    const own = this.ring.beginningOf(since);
    replays.set(session, { from: Math.min(own, others), to: Number.POSITIVE_INFINITY });
    return Math.max(own, Math.min(others, orderOf(session.lastId) ?? others));
  }

  #startOf(session: Member, options: RegisterOptions): Start | undefined {
    const { onGap = "all" } = options;
    const left = options.since === undefined ? this.#left.get(session) : undefined;
    if (left) {
      const { since = this.#start } = left;
      if (since === undefined) return undefined;
      // In the log it is known what follows on what.
      return { next: this.#log ? undefined : left.next, since, onGap };
    }
    const since = options.since === undefined ? this.#lastOf(session) : options.since;
    if (since === "") return undefined;
    const { first, end } = this.ring.held;
    if (since === null) return { next: this.#log ? undefined : first, since, onGap };
    const next = this.ring.after(since);
    if (typeof next === "number") return { next, since, onGap };
    if (this.#log) return { next: undefined, since, onGap };
    const gap = { reason: next, oldest: this.ring.oldestFor(session) };
    return { next: onGap === "all" ? first : end, since, gap, onGap };
  }

  /** The id of the event that the client of a session got last, which was not registered before. */
  #lastOf(session: Member): string {
    const { lastId } = session;
    const presented = session[kPresentedId];
    // What it was pushed since then says nothing about this channel, unless it is of it.
    if (lastId === presented || this.ring.numberOf(lastId) !== undefined) return lastId;
    if (presented !== "") return presented;
    return typeof this.ring.after(lastId) === "number" ? lastId : "";
  }

  #now(): Left {
    const { end } = this.ring.held;
    const since = this.ring.idOf(end - 1) ?? this.#position;
    if (!this.#log) return { next: end, since: since ?? null };
    // Not as one that is to have all that there is, whatever is missing of it.
    return { next: end, since: since === null ? noEntry : since };
  }
}

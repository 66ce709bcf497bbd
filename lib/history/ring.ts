import { autoOrder, orderOf, placeOf } from "../auto-id.js";
import { describe, SseError, warn } from "../errors.js";
import { native } from "../native.js";
import { sweepLater } from "./filter-sweep.js";
import type { GapReason } from "./gap.js";
import type { HistoryLimits } from "./options.js";
import { Unplaced } from "./unplaced.js";

/** Whether a session may have an event. */
export type Filter<Member> = (member: Member) => unknown;

/** Text of an event's fields, the last of which is its id. */
type Fields = readonly [data: string, name: string | undefined, id: string | undefined];

/** What a ring holds: the numbers from `first` until, not including, `end`. */
export interface Held {
  readonly first: number;
  readonly end: number;
  readonly bytes: number;
}

/** Ids that a client can hand back: in a header, which loses white space at its ends. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: those are what it keeps out
const resumable = /^(?! )[^\0-\x1f\x7f]{1,1024}(?<! )$/;

const closed = new FinalizationRegistry<number>((channel) => native.closeHistory(channel));

/**
 * The events that a channel has sent last. They are in the engine, which shares them with the sessions;
 * here are the filters of those that were not for everybody.
 */
export class Ring<Member> {
  readonly channel: number;
  readonly unplaced = new Unplaced();
  /** The channel did not send anything before this place; see `autoOrder()`. */
  readonly #beginning = autoOrder();
  readonly #filters = new Map<number, Filter<Member>>();
  readonly #isAging: boolean;
  #end = 1;
  /** What comes after this place does not follow on what came before it. */
  #clearedAt = 0;
  /** That of the last event. */
  #order = 0;

  /** @param channel the engine's number of the channel */
  constructor(channel: number, { events, bytes, ms }: HistoryLimits) {
    this.channel = channel;
    this.#isAging = ms > 0;
    native.openHistory(channel, events, bytes, ms);
    closed.register(this, channel);
  }

  get held(): Held {
    const [first = 1, end = 1, bytes = 0] = native.historyState(this.channel);
    return { first, end, bytes };
  }

  /**
   * Checks that clients can resume from the event.
   *
   * @throws {SseError} `invalid-argument`
   */
  check([, , id = ""]: Fields): void {
    if (!resumable.test(id)) {
      throw new SseError(
        "invalid-argument",
        `the event id is ${describe(id)}; with a history it must be 1 to 1024 characters without control characters or spaces at its ends, for clients to resume from.`,
      );
    }
    if (this.numberOf(id) === undefined) return;
    throw new SseError(
      "invalid-argument",
      `the event id ${describe(id)} is that of another event in the history; each event must have an id of its own, for clients to resume from.`,
    );
  }

  /** Sends an event to these sessions, or to all of the channel, and keeps it. Returns as `broadcast()` of the engine. */
  send(
    fields: Fields,
    recipients?: readonly [sessions: Float64Array, count: number],
    filter?: Filter<Member>,
  ): boolean {
    const place = placeOf(fields[2] ?? "");
    // An application can give an event any id.
    const order = place > this.#order ? place : autoOrder();
    const told = recipients
      ? native.multicastKept(this.channel, order, ...recipients, ...fields)
      : native.broadcastKept(this.channel, order, ...fields);
    if (filter) this.#keepFilter(filter);
    this.#end += 1;
    this.#order = order;
    return told;
  }

  /** The number of the event with this id. */
  numberOf(id: string): number | undefined {
    return native.heldSequence(this.channel, id) || undefined;
  }

  /** The number of the first event that a client has not got whose last one has this id. */
  after(id: string): number | GapReason {
    const number = this.numberOf(id);
    if (number !== undefined) return number + 1;
    // Of another channel, or the session's own: what was sent before it has come before it.
    const order = orderOf(id);
    if (order === undefined || order < this.#beginning || order < this.#clearedAt) return "unknown";
    if (this.unplaced.has(order)) return "unknown";
    const [, , , evicted = 0] = native.historyState(this.channel);
    return order < evicted ? "evicted" : native.heldAfter(this.channel, order);
  }

  /** The place of the event with this id among all ids of the process, or one before it. */
  beginningOf(id: string | null): number {
    return (id === null ? undefined : orderOf(id)) ?? this.#beginning;
  }

  idOf(number: number): string | undefined {
    return native.heldId(this.channel, number);
  }

  /** The number of the first event from `from` until, not including, `end` that is not for everybody; else `end`. */
  firstFiltered(from: number, end: number): number {
    if (this.#filters.size === 0) return end;
    for (let number = from; number < end; number++) if (this.#filters.has(number)) return number;
    return end;
  }

  /** Whether the member may have the event. What a filter throws becomes a warning. */
  lets(member: Member, number: number): boolean {
    const filter = this.#filters.get(number);
    try {
      return !filter || Boolean(filter(member));
    } catch (error) {
      warn("a filter threw at a replay", error);
      return false;
    }
  }

  /** The id of the first event held that the member may have. */
  oldestFor(member: Member): string | null {
    const { first, end } = this.held;
    for (let number = first; number < end; number++) {
      if (this.lets(member, number)) return this.idOf(number) ?? null;
    }
    return null;
  }

  clear(): void {
    this.#clearedAt = autoOrder();
    native.clearHistory(this.channel);
    this.#filters.clear();
  }

  /** Lets go of the filters of what is no more held. Returns whether some are left. */
  prune(): boolean {
    if (this.#filters.size === 0) return false;
    const { first } = this.held;
    for (const number of this.#filters.keys()) {
      if (number >= first) break;
      this.#filters.delete(number);
    }
    return this.#filters.size > 0;
  }

  #keepFilter(filter: Filter<Member>): void {
    this.#filters.set(this.#end, filter);
    this.prune();
    if (this.#isAging) sweepLater(this);
  }
}

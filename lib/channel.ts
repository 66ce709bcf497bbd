import type { DefaultEventName, DefaultEvents, EventName } from "../types/events.js";
import { autoId } from "./auto-id.js";
import type { Backplane, Presence } from "./backplane.js";
import type { BroadcastOptions, ChannelOptions, ChannelStats } from "./channel-options.js";
import { ChannelSessions } from "./channel-sessions.js";
import { detachable } from "./detachable.js";
import { checkEventId, checkEventName, encodingOf } from "./encoding.js";
import { checkOptions, describe, requireOption, SseError, warn } from "./errors.js";
import { type CloseOptions, farewellOf } from "./farewell.js";
import { Delivered } from "./history/delivered.js";
import type { Gap } from "./history/gap.js";
import type { ChannelLog, LogEntry } from "./history/log.js";
import { historyLimits } from "./history/options.js";
import {
  kBroadcast,
  kCountChanged,
  kCounts,
  kDeliver,
  kHistory,
  kMembers,
  kReadFrom,
  kRetry,
} from "./internal.js";
import { LogFollower } from "./log-follower.js";
import { attempt, type Broadcast, type Fields } from "./members.js";
import { checkAutoId, checkEncoding, type DefaultSessionState } from "./options.js";

/**
 * The type of `channel.state` when none is given. It is open to declaration merging, as
 * `DefaultSessionState` is.
 */
export interface DefaultChannelState {
  [key: string]: unknown;
}

/**
 * Sends events to many sessions at once. An event is formatted once, and what that costs the event
 * loop does not depend on how many sessions there are, unless they have a serializer or sanitizer
 * of their own.
 *
 * It emits `session-registered`, `session-deregistered`, `session-disconnected`, `broadcast` and `gap`;
 * see `ChannelEvents`.
 *
 * With a backplane, what is broadcast reaches the sessions of all processes that have a channel of this
 * name, and `backplane-error` is emitted, too.
 */
export class Channel<
  State = DefaultChannelState,
  SessionState = DefaultSessionState,
  Events extends object = DefaultEvents,
> extends ChannelSessions<SessionState> {
  /** What the application wants to know about the channel. */
  state: State;
  readonly #autoId: boolean;
  readonly #follower: LogFollower | undefined;

  /** @throws {SseError} `invalid-option`, `invalid-argument` */
  constructor(options?: ChannelOptions<State>) {
    const given = checkOptions(options) ?? {};
    checkEncoding(given);
    const { backplane, name, history = backplane && true } = given;
    const limits = historyLimits(history);
    const isOwn = given.serializer !== undefined || given.sanitizer !== undefined || limits;
    super(isOwn ? encodingOf(given) : undefined, limits);
    this.#autoId = checkAutoId(given.eventId);
    const hasIds = this.#autoId || !limits;
    requireOption(hasIds, "eventId", null, '"auto" with a history, which goes by ids');
    if (backplane !== undefined) {
      requireOption(limits !== undefined, "history", history, "kept with a backplane");
      this.#follower = this.#follow(backplane, name as string);
    }
    this.state = given.state ?? ({} as State);
  }

  /**
   * Sends an event to all registered sessions, or to those that the filter lets have it; emits
   * `push` on each that has a listener for it, then `broadcast`.
   *
   * With a backplane, it is on its way to all processes when this returns, and comes to the sessions of
   * this one as to those of others; see `published()`.
   *
   * @param data What the serializer makes text of: by default anything that JSON has a form for.
   * @param eventName Defaults to `"message"`.
   * @throws {TypeError} for data that has no text form; nothing was sent then
   * @throws {SseError} `invalid-argument` for a name or id that is no string, a filter that is no
   * function, with a history an id that clients cannot resume from, with a backplane a filter and an id;
   * `overloaded`, `backplane-unavailable` and `closed` as `published()` says; nothing was sent then
   * @throws What a filter, a session's own serializer or a listener threw first. All other sessions
   * have got the event then.
   */
  broadcast<Name extends EventName<Events> = DefaultEventName<Events>>(
    data: Events[Name],
    eventName: Name = "message" as Name,
    options?: BroadcastOptions<SessionState>,
  ): this {
    const { eventId, filter } = checkOptions(options) ?? {};
    checkEventName(eventName);
    checkEventId(eventId);
    checkFilter(filter);
    if (this.#follower)
      return this.#append(this.#follower, { data, name: eventName, id: eventId }, filter);
    const id = eventId ?? (this.#autoId ? autoId() : undefined);
    return this[kBroadcast]({ data, name: eventName, id }, filter ?? undefined);
  }

  /**
   * Tells when all that was broadcast before has come to the backplane, whence it comes to all processes.
   * While that cannot be reached, broadcasts wait for it; `broadcast` refuses more when too many do.
   *
   * @returns A promise that resolves then; at once without a backplane. It rejects with `SseError`
   * `backplane-unavailable` or `closed` when something that was broadcast since the last call was given up.
   */
  async published(): Promise<void> {
    await this.#follower?.log.published();
  }

  /**
   * How many sessions there are in all processes that share this channel, and how many processes have
   * some: one without sessions is not counted, this one included. Those of a process that was killed are
   * counted for some seconds.
   *
   * @returns A promise that rejects with `SseError` `backplane-unavailable`, and `closed` after `detach()`
   */
  async presence(): Promise<Presence> {
    if (this.#follower) return this.#follower.log.presence();
    const { sessionCount: sessions } = this;
    return { sessions, processes: sessions > 0 ? 1 : 0 };
  }

  /** Counts of this channel. */
  stats(): ChannelStats {
    const stats: ChannelStats = {
      sessions: this.sessionCount,
      ...this[kCounts],
    };
    if (this[kHistory]) {
      const { first, end, bytes } = this[kHistory].ring.held;
      stats.history = { events: end - first, bytes };
    }
    if (this.#follower) {
      const { log, gaps } = this.#follower;
      stats.backplane = { ...log.stats(), gaps };
    }
    return stats;
  }

  /**
   * Leaves the backplane, if there is one: what waits is written if that can be reached now, nothing comes
   * from there any more, and `broadcast` throws. Sessions stay.
   */
  async detach(): Promise<void> {
    await this.#follower?.log.close();
  }

  /**
   * Ends all registered sessions: each is told when to reconnect, gets a last event if there is one, and
   * whatever else waits for it. The channel can be used again.
   *
   * @returns A promise that resolves when all have ended; a client that takes nothing holds it up for its
   * `writeTimeout` and a quarter of it more at most. It rejects, after that, with what `broadcast` throws.
   * @throws {SseError} `invalid-option`, `invalid-argument`; nobody is ended then
   */
  async close(options?: CloseOptions): Promise<void> {
    const { event, data, retryTime } = farewellOf(options);
    const sessions = this.activeSessions.filter((session) => session.isConnected);
    const failures: unknown[] = [];
    for (const [index, session] of sessions.entries()) {
      if (retryTime) attempt(failures, () => session[kRetry](retryTime(index, sessions.length)));
    }
    if (data !== undefined) {
      // Without an id: what the client says it got last has to be something that can be resumed from.
      // Those that are replayed to get it in the place of what they have not got yet, and nothing after it.
      const farewell = { data, name: event, id: undefined };
      for (const session of this[kHistory]?.replayed.keys() ?? []) {
        attempt(failures, () => this[kMembers].sendTo(session, farewell));
        void session.close();
      }
      attempt(failures, () => this[kBroadcast](farewell));
    }
    await Promise.all(sessions.map((session) => session.close()));
    if (failures.length > 0) throw failures[0];
  }

  /**
   * Goes on in the log where a session has to get what the history, which there must be, does not hold.
   * `position` is the id after which what is delivered begins; null when the log is empty, undefined
   * while that is not known.
   *
   * @internal
   */
  [kReadFrom](log: ChannelLog, position: string | null | undefined): void {
    this[kHistory]?.readFrom(log, position);
  }

  /**
   * Sends an event that is text already, as one that was broadcast. One that the history holds is no new
   * one, and not sent again.
   *
   * @throws as `broadcast`
   * @internal
   */
  [kDeliver](entry: LogEntry): void {
    const history = this[kHistory];
    if (!history || history.ring.numberOf(entry.id) !== undefined) return;
    let isSent = true;
    try {
      this[kBroadcast](new Delivered(entry, this[kMembers].usesJson));
    } catch (error) {
      isSent = (error as { code?: unknown } | null)?.code !== "overloaded";
      throw error;
    } finally {
      if (isSent) history.onDelivered(entry.id);
    }
  }

  /** @internal */
  override [kCountChanged](): void {
    this.#follower?.log.countChanged();
  }

  #follow(backplane: Backplane, name: string): LogFollower {
    const channel = this;
    return new LogFollower(backplane, name, {
      get sessionCount() {
        return channel.sessionCount;
      },
      onPosition: (log, id) => this[kReadFrom](log, id),
      onEntry: (entry) => this[kDeliver](entry),
      onGap: (gap) => this.#tellGap(gap),
      onError: (error) => {
        if (this.listenerCount("backplane-error") === 0) warn("a backplane failed", error);
        else this.tell("backplane-error", error);
      },
    });
  }

  #append(
    { log }: LogFollower,
    event: Broadcast,
    filter: BroadcastOptions<SessionState>["filter"] | null,
  ): this {
    const isLocal = event.id !== undefined || typeof filter === "function";
    if (isLocal) {
      throw new SseError(
        "invalid-argument",
        "a channel with a backplane takes neither filter nor eventId: the event goes to all processes, and its id is given there.",
      );
    }
    const [text, name = "message"] = this[kMembers].textOf(event);
    log.append(name, text);
    return this;
  }

  /** Events are missing, for all: those who are replayed to find out by themselves. */
  #tellGap(gap: Gap): void {
    const fields: Fields = [JSON.stringify(gap), "gap", undefined];
    const event: Broadcast = { data: gap, name: "gap", id: undefined, fields };
    // Nothing fails for one alone: those who are sent to one by one are no engine thread's, which alone refuse.
    this[kMembers].send(event, undefined, []);
    this[kHistory]?.breakOff();
    for (const session of this[kMembers].all)
      this.tell("gap", session, { ...gap, since: session.lastId || null });
  }
}

detachable(Channel.prototype, "broadcast");

function checkFilter(filter: unknown): void {
  if (filter === undefined || filter === null || typeof filter === "function") return;
  throw new SseError("invalid-argument", `a filter must be a function, not ${describe(filter)}.`);
}

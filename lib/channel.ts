import type { DefaultEventName, DefaultEvents, EventName } from "../types/events.js";
import { autoId } from "./auto-id.js";
import { detachable } from "./detachable.js";
import {
  checkEventId,
  checkEventName,
  type EncodingOptions,
  encodingOf,
  requireJson,
} from "./encoding.js";
import { checkOptions, describe, SseError } from "./errors.js";
import { type CloseOptions, farewellOf } from "./farewell.js";
import {
  kBroadcast,
  kJoined,
  kLastBroadcast,
  kLeft,
  kPushListeners,
  kRetry,
  kSessionEnded,
  kSetLastId,
  type LastEvent,
  nextSequence,
} from "./internal.js";
import { attempt, type Broadcast, Members } from "./members.js";
import { checkAutoId, checkEncoding, type DefaultSessionState } from "./options.js";
import type { Session } from "./session.js";
import { type EventMap, TypedEmitter } from "./typed-emitter.js";

/**
 * The type of `channel.state` when none is given. It is open to declaration merging, as
 * `DefaultSessionState` is.
 */
export interface DefaultChannelState {
  [key: string]: unknown;
}

export interface ChannelOptions<State = DefaultChannelState> extends EncodingOptions {
  /**
   * What the application wants to know about the channel.
   *
   * Defaults to an empty object.
   */
  state?: State | undefined;
  /**
   * Whether events without an id get one, of 15 characters, unique and increasing.
   *
   * Defaults to `"auto"`.
   */
  eventId?: "auto" | null | undefined;
}

export interface BroadcastOptions<SessionState = DefaultSessionState> {
  /**
   * The id of the event, the same for all sessions.
   *
   * Defaults to a new id, or none; see the `eventId` option of the channel.
   */
  eventId?: string | undefined;
  /**
   * Called with each session: whether it gets the event. A session for which it throws does not;
   * what was thrown first reaches the caller after the others got the event.
   *
   * Defaults to sending to all.
   */
  filter?: ((session: Session<SessionState>) => unknown) | undefined;
}

/** What a channel has done since it was made. */
export interface ChannelStats {
  /** Sessions that are registered now. */
  sessions: number;
  /** Events that were broadcast. */
  broadcasts: number;
  /** Sessions that these were sent to, added up. */
  recipients: number;
}

/** The events that a channel emits. */
export interface ChannelEvents<SessionState = DefaultSessionState> extends EventMap {
  "session-registered": (session: Session<SessionState>) => void;
  /** A session left, by `deregister` or because it disconnected. */
  "session-deregistered": (session: Session<SessionState>) => void;
  /** A session disconnected; `session-deregistered` follows. */
  "session-disconnected": (session: Session<SessionState>) => void;
  /** `eventId` is `""` when the event has none. */
  broadcast: (data: unknown, eventName: string, eventId: string) => void;
}

/**
 * Sends events to many sessions at once. An event is formatted once, and what that costs the event
 * loop does not depend on how many sessions there are, unless they have a serializer or sanitizer
 * of their own.
 *
 * It emits `session-registered`, `session-deregistered`, `session-disconnected` and `broadcast`; see
 * `ChannelEvents`.
 */
export class Channel<
  State = DefaultChannelState,
  SessionState = DefaultSessionState,
  Events extends object = DefaultEvents,
> extends TypedEmitter<ChannelEvents<SessionState>> {
  /** What the application wants to know about the channel. */
  state: State;
  readonly #members: Members<Session<SessionState>>;
  readonly #autoId: boolean;
  #last: LastEvent = { id: "", sequence: 0 };
  #broadcasts = 0;
  #recipients = 0;

  /** @throws {SseError} `invalid-option`, `invalid-argument` */
  constructor(options?: ChannelOptions<State>) {
    super();
    const given = checkOptions(options) ?? {};
    checkEncoding(given);
    const isOwn = given.serializer !== undefined || given.sanitizer !== undefined;
    this.#members = new Members(isOwn ? encodingOf(given) : undefined);
    this.#autoId = checkAutoId(given.eventId);
    this.state = given.state ?? ({} as State);
  }

  /** The registered sessions, in the order in which they were. */
  get activeSessions(): readonly Session<SessionState>[] {
    return [...this.#members.all];
  }

  /** How many sessions are registered. */
  get sessionCount(): number {
    return this.#members.all.size;
  }

  /**
   * Lets a session have what is broadcast from now on, until it disconnects. One that is registered
   * already stays so.
   *
   * @throws {SseError} `not-connected`, `invalid-argument` for what is no session
   */
  register(session: Session<SessionState, object>): this {
    if (typeof session?.[kJoined] !== "function") {
      throw new SseError("invalid-argument", `a Session must be given, not ${describe(session)}.`);
    }
    const member = session as unknown as Session<SessionState>;
    if (this.#members.all.has(member)) return this;
    if (!member.isConnected) {
      throw new SseError(
        "not-connected",
        "a session that is not connected cannot be registered. Register it when it has connected.",
      );
    }
    this.#members.add(member);
    member[kJoined](this);
    this.emit("session-registered", member);
    return this;
  }

  /** Lets a session have no more of what is broadcast. One that is not registered stays so. */
  deregister(session: Session<SessionState, object>): this {
    const member = session as unknown as Session<SessionState>;
    if (!this.#members.all.has(member)) return this;
    member[kLeft](this);
    this.#members.delete(member);
    this.emit("session-deregistered", member);
    return this;
  }

  /**
   * Sends an event to all registered sessions, or to those that the filter lets have it; emits
   * `push` on each that has a listener for it, then `broadcast`.
   *
   * @param data What the serializer makes text of: by default anything that JSON has a form for.
   * @param eventName Defaults to `"message"`.
   * @throws {TypeError} for data that has no text form; nothing was sent then
   * @throws {SseError} `invalid-argument` for a name or id that is no string and a filter that is no
   * function, `overloaded`; nothing was sent then
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
    const id = eventId ?? (this.#autoId ? autoId() : undefined);
    return this.#send({ data, name: eventName, id }, filter ?? undefined);
  }

  /** Counts of this channel. */
  stats(): ChannelStats {
    const { size: sessions } = this.#members.all;
    return { sessions, broadcasts: this.#broadcasts, recipients: this.#recipients };
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
    const sessions = [...this.#members.all].filter((session) => session.isConnected);
    const failures: unknown[] = [];
    for (const [index, session] of sessions.entries()) {
      if (retryTime) attempt(failures, () => session[kRetry](retryTime(index, sessions.length)));
    }
    if (data !== undefined) {
      // Without an id: what the client says it got last has to be something that can be resumed from.
      attempt(failures, () => this.#send({ data, name: event, id: undefined }));
    }
    await Promise.all(sessions.map((session) => session.close()));
    if (failures.length > 0) throw failures[0];
  }

  /** What all members got last. @internal */
  get [kLastBroadcast](): LastEvent {
    return this.#last;
  }

  /** @internal */
  [kSessionEnded](session: Session<SessionState>): void {
    this.tell("session-disconnected", session);
    if (!this.#members.all.has(session)) return;
    this.#members.delete(session);
    this.tell("session-deregistered", session);
  }

  /** @internal */
  [kPushListeners](session: Session<SessionState>, has: boolean): void {
    if (has) this.#members.listening.add(session);
    else this.#members.listening.delete(session);
  }

  /** Sends an event whose name and id are checked. @throws as `broadcast` @internal */
  [kBroadcast](event: Broadcast): void {
    this.#send(event);
  }

  #send(event: Broadcast, filter?: BroadcastOptions<SessionState>["filter"]): this {
    const { name, id } = event;
    // A mistake that would show only once somebody is there.
    if (this.#members.useDefaultEncoding) requireJson(event.data);
    const failures: unknown[] = [];
    const chosen = filter ? this.#choose(filter, failures) : undefined;
    const missed = this.#members.send(event, chosen, failures);
    this.#broadcasts += 1;
    this.#recipients += (chosen ?? this.#members.all).size - missed.length;
    if (id !== undefined) this.#noteLastId(id, chosen, missed);
    for (const session of this.#members.listening) {
      if (!session.isConnected || (chosen && !chosen.has(session))) continue;
      attempt(failures, () => session.emit("push", event.data, name, id ?? ""));
    }
    if (this.listenerCount("broadcast") > 0) {
      attempt(failures, () => this.emit("broadcast", event.data, name, id ?? ""));
    }
    if (failures.length > 0) throw failures[0];
    return this;
  }

  #choose(
    filter: (session: Session<SessionState>) => unknown,
    failures: unknown[],
  ): Set<Session<SessionState>> {
    const chosen = new Set<Session<SessionState>>();
    for (const session of this.#members.all) {
      if (!session.isConnected) continue;
      attempt(failures, () => {
        if (filter(session)) chosen.add(session);
      });
    }
    return chosen;
  }

  #noteLastId(
    id: string,
    chosen: Set<Session<SessionState>> | undefined,
    missed: Session<SessionState>[],
  ): void {
    const kept = missed.map((session) => session.lastId);
    const sequence = nextSequence();
    if (chosen) for (const session of chosen) session[kSetLastId](id, sequence);
    else this.#last = { id, sequence };
    for (const [at, session] of missed.entries()) {
      session[kSetLastId](kept[at] as string, nextSequence());
    }
  }
}

detachable(Channel.prototype, "broadcast");

function checkFilter(filter: unknown): void {
  if (filter === undefined || filter === null || typeof filter === "function") return;
  throw new SseError("invalid-argument", `a filter must be a function, not ${describe(filter)}.`);
}

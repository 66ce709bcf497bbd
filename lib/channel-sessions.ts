import type { ChannelEvents } from "./channel-options.js";
import { type Encoding, requireJson } from "./encoding.js";
import { describe, SseError } from "./errors.js";
import { ChannelHistory } from "./history/channel-history.js";
import {
  checkRegisterOptions,
  type HistoryLimits,
  type RegisterOptions,
} from "./history/options.js";
import { type Filter, Ring } from "./history/ring.js";
import {
  kBroadcast,
  kCountChanged,
  kCounts,
  kHistory,
  kJoined,
  kLastBroadcast,
  kLeft,
  kMembers,
  kPushListeners,
  kSessionEnded,
  kSetLastId,
  type LastEvent,
  nextSequence,
} from "./internal.js";
import { attempt, type Broadcast, Members } from "./members.js";
import type { Session } from "./session.js";
import { TypedEmitter } from "./typed-emitter.js";

/** The sessions of a channel, and how events get to them. */
export abstract class ChannelSessions<SessionState> extends TypedEmitter<
  ChannelEvents<SessionState>
> {
  /** @internal */
  readonly [kMembers]: Members<Session<SessionState>>;
  /** @internal */
  readonly [kHistory]: ChannelHistory<Session<SessionState>> | undefined;
  /** Events that were sent, and sessions that these were sent to at once, added up. @internal */
  readonly [kCounts] = { broadcasts: 0, recipients: 0 };
  #last: LastEvent = { id: "", sequence: 0 };

  /**
   * @param encoding what the channel makes text with, if that is not up to the session
   * @param limits of its history, if it has one
   */
  constructor(encoding: Encoding | undefined, limits: HistoryLimits | undefined) {
    super();
    this[kMembers] = new Members(encoding);
    if (!limits) return;
    this[kHistory] = new ChannelHistory(new Ring(this[kMembers].channel, limits), {
      onLevel: (session) => this.#join(session),
      onGap: (session, gap) => this.tell("gap", session, gap),
      onEnded: (session) => this[kSessionEnded](session),
    });
  }

  /** The registered sessions, in the order in which they were; those that are still replayed to last. */
  get activeSessions(): readonly Session<SessionState>[] {
    return [...this[kMembers].all, ...(this[kHistory]?.replayed.keys() ?? [])];
  }

  /** How many sessions are registered. */
  get sessionCount(): number {
    return this[kMembers].all.size + (this[kHistory]?.replayed.size ?? 0);
  }

  /**
   * Lets a session have what is broadcast from now on, until it disconnects. One that is registered
   * already stays so.
   *
   * With a history, it gets first what its client has not got yet of what is held, as fast as the client
   * takes it; nothing is missed, doubled or reordered between that and what is broadcast meanwhile.
   * A client that lacks events which are not held, or may, is told by an event `gap`. With a backplane,
   * one that was in several channels resumes that of its last id, and is told of a gap in the others.
   *
   * @throws {SseError} `not-connected`, `invalid-argument` for what is no session and for options where
   * the channel has no history, `invalid-option`
   */
  register(session: Session<SessionState, object>, options?: RegisterOptions): this {
    if (typeof session?.[kJoined] !== "function") {
      throw new SseError("invalid-argument", `a Session must be given, not ${describe(session)}.`);
    }
    const member = session as unknown as Session<SessionState>;
    const given = checkRegisterOptions(options, this[kHistory] !== undefined);
    if (this.#has(member)) return this;
    if (!member.isConnected) {
      throw new SseError(
        "not-connected",
        "a session that is not connected cannot be registered. Register it when it has connected.",
      );
    }
    if (this[kHistory]) this[kHistory].register(member, given);
    else this.#join(member);
    this[kCountChanged]();
    this.emit("session-registered", member);
    return this;
  }

  /** Lets a session have no more of what is broadcast. One that is not registered stays so. */
  deregister(session: Session<SessionState, object>): this {
    const member = session as unknown as Session<SessionState>;
    if (!this.#has(member)) return this;
    if (!this[kHistory]?.leave(member)) {
      member[kLeft](this);
      this[kMembers].delete(member);
    }
    this[kCountChanged]();
    this.emit("session-deregistered", member);
    return this;
  }

  /** What all members got last. @internal */
  get [kLastBroadcast](): LastEvent {
    return this.#last;
  }

  /** @internal */
  [kSessionEnded](session: Session<SessionState>): void {
    this.tell("session-disconnected", session);
    if (!this.#has(session)) return;
    this[kMembers].delete(session);
    this[kHistory]?.forget(session);
    this[kCountChanged]();
    this.tell("session-deregistered", session);
  }

  /** @internal */
  [kPushListeners](session: Session<SessionState>, has: boolean): void {
    if (has) this[kMembers].listening.add(session);
    else this[kMembers].listening.delete(session);
  }

  /** A session has come or gone. @internal */
  [kCountChanged](): void {}

  /**
   * Sends an event whose name and id are checked, and keeps it where there is a history and it has an id.
   *
   * @throws as `broadcast` of `Channel`
   * @internal
   */
  [kBroadcast](event: Broadcast, filter?: Filter<Session<SessionState>>): this {
    const { name, id } = event;
    // A mistake that would show only once somebody is there.
    if (this[kMembers].useDefaultEncoding) requireJson(event.data);
    const failures: unknown[] = [];
    const chosen = filter ? this[kMembers].choose(filter, failures) : undefined;
    const keep = id === undefined ? undefined : this[kHistory];
    const missed = this[kMembers].send(
      event,
      chosen,
      failures,
      keep && { ring: keep.ring, filter },
    );
    this[kCounts].broadcasts += 1;
    this[kCounts].recipients += (chosen ?? this[kMembers].all).size - missed.length;
    if (id !== undefined) this.#noteLastId(id, chosen, missed);
    for (const session of this[kMembers].listening) {
      if (!session.isConnected || (chosen && !chosen.has(session))) continue;
      attempt(failures, () => session.emit("push", event.data, name, id ?? ""));
    }
    if (this.listenerCount("broadcast") > 0) {
      attempt(failures, () => this.emit("broadcast", event.data, name, id ?? ""));
    }
    if (failures.length > 0) throw failures[0];
    return this;
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

  #has(session: Session<SessionState>): boolean {
    return this[kMembers].all.has(session) || this[kHistory]?.replayed.has(session) === true;
  }

  #join(session: Session<SessionState>): void {
    this[kMembers].add(session);
    session[kJoined](this);
  }
}

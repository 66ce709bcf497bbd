import type { Backplane, LogStats } from "./backplane.js";
import type { DefaultChannelState } from "./channel.js";
import type { EncodingOptions } from "./encoding.js";
import type { SseError } from "./errors.js";
import type { GapDetails } from "./history/gap.js";
import type { HistoryOptions } from "./history/options.js";
import type { DefaultSessionState } from "./options.js";
import type { Session } from "./session.js";
import type { EventMap } from "./typed-emitter.js";

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
  /**
   * How much of what is broadcast is kept, for clients that come back: they get what they have not got
   * yet when their session is registered. `true` stands for the defaults. Each event needs an id, and is
   * sent as the channel's own serializer and sanitizer make it, or the defaults, not the session's.
   *
   * Defaults to keeping nothing; with a backplane to `true`, and there has to be one.
   */
  history?: HistoryOptions | boolean | undefined;
  /**
   * The name of the channel, the same in all processes that share it.
   *
   * Required with a backplane, and without meaning else.
   */
  name?: string | undefined;
  /**
   * Where the channel shares what is broadcast with the channels of its name in other processes: see
   * `redisBackplane` of `stream-llm/redis`. An event is sent when it has come back from there, in the one
   * order that it has in all of them, with the id that it has there.
   *
   * Defaults to none: what is broadcast reaches the sessions of this process.
   */
  backplane?: Backplane | undefined;
}

export interface BroadcastOptions<SessionState = DefaultSessionState> {
  /**
   * The id of the event, the same for all sessions.
   *
   * Defaults to a new id, or none; see the `eventId` option of the channel. Not with a backplane.
   */
  eventId?: string | undefined;
  /**
   * Called with each session: whether it gets the event. A session for which it throws does not;
   * what was thrown first reaches the caller after the others got the event. Not with a backplane: no
   * function reaches other processes.
   *
   * Defaults to sending to all.
   */
  filter?: ((session: Session<SessionState>) => unknown) | undefined;
}

/** What a channel has done since it was made. */
export interface ChannelStats {
  /** Sessions that are registered now. */
  sessions: number;
  /** Events that were broadcast; with a backplane those of all processes that have come to this one. */
  broadcasts: number;
  /** Sessions that these were sent to at once, added up. */
  recipients: number;
  /** What is kept now; bytes as the option `history` counts them. Only where something is. */
  history?: { events: number; bytes: number };
  /**
   * What the backplane is doing for this channel; `gaps` is how often events were missing, as they were gone
   * before this process could read them. Only where there is a backplane.
   */
  backplane?: LogStats & { gaps: number };
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
  /** A session's client lacks events, or may, and was told so. */
  gap: (session: Session<SessionState>, gap: GapDetails) => void;
  /**
   * The backplane cannot be reached, which is told once until it can, or does not take what was broadcast.
   * Where nobody listens, it becomes a warning of the process.
   */
  "backplane-error": (error: SseError) => void;
}

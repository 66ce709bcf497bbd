/**
 * What the classes of this package call on each other, and applications do not: named by symbols,
 * so that no subclass of theirs can clash with it.
 */

// Of what observes a connection: a session.
export const kStart = Symbol("start");
export const kGone = Symbol("gone");
export const kLost = Symbol("lost");
export const kDrain = Symbol("drain");
export const kUserWrite = Symbol("userWrite");
export const kUserEnd = Symbol("userEnd");
export const kWhenDrained = Symbol("whenDrained");

// Of Connection; each is described there.
export const kObserve = Symbol("observe");
export const kStarting = Symbol("starting");
export const kBegin = Symbol("begin");
export const kAttach = Symbol("attach");
export const kFlushHead = Symbol("flushHead");
export const kWritable = Symbol("writable");
export const kIdle = Symbol("idle");
export const kHasten = Symbol("hasten");
export const kImmediate = Symbol("immediate");
export const kWrite = Symbol("write");
export const kBuffered = Symbol("buffered");
export const kEnd = Symbol("end");
export const kDestroy = Symbol("destroy");
export const kRelease = Symbol("release");
export const kHeader = Symbol("header");
export const kQuery = Symbol("query");

// Of Session, for the engine, channels and those that feed it; each is described there.
export const kNotice = Symbol("notice");
export const kNative = Symbol("native");
export const kSend = Symbol("send");
export const kSendText = Symbol("sendText");
export const kEncoding = Symbol("encoding");
export const kRetry = Symbol("retry");
export const kSent = Symbol("sent");
export const kSetLastId = Symbol("setLastId");
export const kPresentedId = Symbol("presentedId");
export const kMaxBufferedBytes = Symbol("maxBufferedBytes");
export const kJoined = Symbol("joined");
export const kLeft = Symbol("left");
export const kOnStop = Symbol("onStop");

// Of Channel, for those that feed it.
export const kBroadcast = Symbol("broadcast");
export const kReadFrom = Symbol("readFrom");
export const kDeliver = Symbol("deliver");

// Of ChannelSessions, for Channel.
export const kMembers = Symbol("members");
export const kHistory = Symbol("history");
export const kCounts = Symbol("counts");
export const kCountChanged = Symbol("countChanged");

// Of Channel, for its sessions.
export const kLastBroadcast = Symbol("lastBroadcast");
export const kSessionEnded = Symbol("sessionEnded");
export const kPushListeners = Symbol("pushListeners");
export const kReplaying = Symbol("replaying");

/**
 * Why a session ended.
 *
 * - `client-closed`: the client went, or something destroyed its connection.
 * - `closed`: `session.close()`, or the application ended the response.
 * - `slow-consumer`: more than `maxBufferedBytes` waited for the client.
 * - `write-timeout`: the client took nothing for `writeTimeout` ms while something waited.
 * - `ping-timeout`: the client of a WebSocket answered no ping for `pongTimeout` ms.
 * - `connection-error`: the connection failed, or a custom `Connection` threw.
 */
export type DisconnectReason =
  | "client-closed"
  | "closed"
  | "slow-consumer"
  | "write-timeout"
  | "ping-timeout"
  | "connection-error";

/** How a session ended. */
export interface Disconnection {
  reason: DisconnectReason;
  /** What made the session end, where an error did. */
  error?: Error;
}

/** What a connection tells its session. */
export interface ConnectionObserver {
  /** Bytes that wait for the client. */
  readonly bufferedBytes: number;
  /** The connection can be begun: once, in a task of its own. */
  [kStart](): void;
  /**
   * The client has gone, without having been asked to. What waits is dropped, or given to the
   * connection where it `takesRest`.
   */
  [kGone](takesRest?: boolean): void;
  /** The connection is of no use any more, for a reason that it knows. It is destroyed. */
  [kLost](reason: DisconnectReason, error: Error): void;
  /**
   * What was written has left or bytes can be taken again, or all that waits is taken `regardless` of
   * how fast it leaves.
   */
  [kDrain](regardless?: boolean): void;
  /**
   * Bytes that the application wrote to the response itself, in order with what it pushed. False when
   * the session is closing, and nothing can come any more.
   */
  [kUserWrite](bytes: Uint8Array, callback?: (error?: Error) => void): boolean;
  /**
   * The application ends the response itself, by `finish()`, which comes after all it pushed. It sends
   * `last` too, unless that `isSent`.
   */
  [kUserEnd](finish: (isSent?: boolean) => void, last?: Uint8Array): void;
  /** Calls back when nothing that was sent so far waits, or with an error when the client goes first. */
  [kWhenDrained](settle: (error?: Error) => void): void;
}

/** What the engine tells a session. */
export interface NoticeReceiver {
  /** How its bytes reach the client. */
  readonly transport: "stream" | "socket";
  [kNotice](kind: number, value: number): void;
}

/** What a session tells its channels, and what replays to it. */
export interface SessionObserver<Member> {
  /** The id that all members got last, and its place among all events of the process. */
  readonly [kLastBroadcast]: LastEvent;
  /** Whether the session has not got yet all that the channel has sent. */
  readonly [kReplaying]?: boolean;
  /** The session has ended. */
  [kSessionEnded](session: Member): void;
  /** The session has got its first listener for `push`, or lost its last. */
  [kPushListeners](session: Member, has: boolean): void;
}

export interface LastEvent {
  readonly id: string;
  readonly sequence: number;
}

let sequence = 0;

/**
 * The place of an event among all of the process. By it a session finds out later whether what it
 * got last was its own or a channel's, so that a broadcast need not touch each session.
 */
export function nextSequence(): number {
  return ++sequence;
}

import { engineCounts } from "./engine.js";
import type { DisconnectReason } from "./internal.js";
import { native } from "./native.js";

/** What the engine of this environment (main thread or worker) has done since it started. */
export interface EngineStats {
  /** Sessions that are connected now, by transport. */
  sessions: { stream: number; socket: number };
  /** Events, comments and other writes that have left, counted once for each session. */
  frames: number;
  /** Bytes that have left, chunk framing included. */
  bytes: number;
  /** Times that bytes were handed over: to the system on sockets, to the response on streams. */
  sends: number;
  /** Frames that left together with an earlier one, in the same send. */
  coalesced: number;
  /** Times that a socket took no more for the moment. */
  blocked: number;
  /** Events dropped for slow consumers, counted once for each session. */
  dropped: number;
  /** Sessions whose socket could not be had, for lack of descriptors, and that became streams. */
  fallbacks: number;
  /** Sessions that have ended, by reason. */
  disconnected: Record<DisconnectReason, number>;
}

const disconnected: Record<DisconnectReason, number> = {
  "client-closed": 0,
  closed: 0,
  "slow-consumer": 0,
  "write-timeout": 0,
  "ping-timeout": 0,
  "connection-error": 0,
};

export function countDisconnected(reason: DisconnectReason): void {
  disconnected[reason] += 1;
}

/** Counts of all sessions and channels of this environment. Cheap enough to be asked each second. */
export function engineStats(): EngineStats {
  const { frames, bytes, sends, coalesced, blocked, dropped } = native.stats();
  return {
    ...{ frames, bytes, sends, coalesced, blocked, dropped },
    ...engineCounts(),
    disconnected: { ...disconnected },
  };
}

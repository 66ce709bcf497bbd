import type { Disconnection } from "./internal.js";
import type { EventMap } from "./typed-emitter.js";

/** The events that a session emits. */
export interface SessionEvents extends EventMap {
  /** The head has been sent, or the body of the Fetch response is being read. Once. */
  connected: () => void;
  /** The session has ended and let go of everything. Once. */
  disconnected: (event: Disconnection) => void;
  /** An event was pushed or broadcast to this session; `eventId` is `""` when it has none. */
  push: (data: unknown, eventName: string, eventId: string) => void;
  /** The slow-consumer policy has dropped `count` events since it was last told. */
  dropped: (event: { count: number }) => void;
}

import { createEventBuffer } from "../../create-event-buffer.js";
import type { Session } from "../../session.js";
import { sendEvent } from "../delivery.js";
import type { Protocol, WireEvent } from "../protocols/index.js";
import { eventSize } from "./event-log.js";

/** Why a client does not simply go on from where it was. */
export type GapReason = "unknown-id" | "evicted";

/** How many bytes of a replay may wait for a client. */
const inFlight = 64 * 1024;
/** JSON takes up to six bytes for a character. */
const expansion = 8;

/** What an event takes on the wire, at most. */
export function mostBytes(event: WireEvent): number {
  return eventSize(event) * expansion;
}

/** The largest event, by `mostBytes`, that may follow others while they still wait for the client. */
export function largestBehindOthers(maxBufferedBytes: number): number {
  return Math.min(inFlight, maxBufferedBytes / 2);
}

/** Sends a session what happened before, no faster than its client takes it. */
export class Replay {
  readonly #session: Session;
  readonly #limit: number;

  /** @param maxBufferedBytes that of the session */
  constructor(session: Session, maxBufferedBytes: number) {
    this.#session = session;
    this.#limit = largestBehindOthers(maxBufferedBytes);
  }

  /**
   * What to wait for before the event can be sent, or without one before live events can be: that
   * the client takes what was sent before. Nothing where there is room. The promise rejects when the
   * client has gone.
   */
  room(event?: WireEvent): Promise<void> | undefined {
    const waiting = this.#session.bufferedBytes;
    const fits = waiting === 0 || !event || mostBytes(event) <= this.#limit;
    return fits && waiting <= this.#limit ? undefined : this.#session.drained();
  }

  /** @throws {SseError} `overloaded` */
  send(event: WireEvent, id?: string): void {
    sendEvent(this.#session as Session<never>, event, id);
  }
}

/**
 * Tells a client that it does not go on from where it was: what follows is the answer from its
 * start. As an event where clients have names for their own, else as a comment.
 */
export function tellGap(session: Session, protocol: Protocol, reason: GapReason): void {
  if (protocol === "events") {
    sendEvent(session as Session<never>, { event: "gap", data: JSON.stringify({ reason }) });
    return;
  }
  const note = createEventBuffer({ eventId: null }).comment(`gap: ${reason}`).dispatch();
  session.batch(note).catch(() => {});
}

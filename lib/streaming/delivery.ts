import type { Channel } from "../channel.js";
import { nameField } from "../encoding.js";
import { kEncoding, kSend, kSetLastId, nextSequence } from "../internal.js";
import type { Session } from "../session.js";
import type { WireEvent } from "./protocols/wire-event.js";

/** How events of protocol writers get to the engine, whose data is text already. */

/**
 * Sends an event to one session; to no effect when it has disconnected.
 *
 * @throws {SseError} `overloaded`
 */
export function sendEvent(session: Session<never>, event: WireEvent, id?: string): void {
  if (!session.isConnected) return;
  const encoding = session[kEncoding];
  const name = event.event === undefined ? undefined : nameField(encoding.field(event.event));
  session[kSend](encoding.field(event.data), name, id);
  if (id !== undefined) session[kSetLastId](id, nextSequence());
}

/**
 * Sends an event to all sessions of a channel, which must have been made with
 * `{serializer: String, eventId: null}`.
 *
 * @throws {SseError} `overloaded`
 */
export function broadcastEvent(channel: Channel, event: WireEvent, id?: string): void {
  channel.broadcast(event.data, event.event ?? "message", { eventId: id });
}

import type { NativeEnvelope } from "../../types/native.js";
import type { Channel } from "../channel.js";
import { nameField } from "../encoding.js";
import { kBroadcast, kEncoding, kSend, kSendText, kSetLastId, nextSequence } from "../internal.js";
import type { Broadcast } from "../members.js";
import { type EnclosedText, native } from "../native.js";
import type { Session } from "../session.js";
import type { Envelope, Prepared, WireEvent } from "./protocols/wire-event.js";

/** How events of protocol writers get to the engine, whose data is text already. */

/** Those that were used, in native memory. */
const envelopes = new WeakMap<Envelope, NativeEnvelope>();

function nativeOf(envelope: Envelope): NativeEnvelope {
  let found = envelopes.get(envelope);
  if (!found) {
    found = new native.Envelope(envelope.event, envelope.before, envelope.after);
    envelopes.set(envelope, found);
  }
  return found;
}

function enclosed({ envelope, text, number }: Prepared, id: string | undefined): EnclosedText {
  return [nativeOf(envelope), text, number, id];
}

/**
 * Sends an event to one session; to no effect when it has disconnected.
 *
 * @throws {SseError} `overloaded`
 */
export function sendEvent(session: Session<unknown>, event: WireEvent, id?: string): void {
  if (!session.isConnected) return;
  const encoding = session[kEncoding];
  if (event.prepared && !encoding.sanitizer) {
    session[kSendText](...enclosed(event.prepared, id));
  } else {
    const name = event.event === undefined ? undefined : nameField(encoding.field(event.event));
    session[kSend](encoding.field(event.data), name, id);
  }
  if (id !== undefined) session[kSetLastId](id, nextSequence());
}

/** An event of a protocol writer, whose `data` is made if somebody asks for it. */
class WireBroadcast implements Broadcast {
  readonly #event: WireEvent;
  readonly id: string | undefined;
  #data: string | undefined;

  constructor(event: WireEvent, id: string | undefined) {
    this.#event = event;
    this.id = id;
  }

  get data(): string {
    this.#data ??= this.#event.data;
    return this.#data;
  }

  get name(): string {
    return this.#event.event ?? "message";
  }

  get enclosed(): EnclosedText | undefined {
    const { prepared } = this.#event;
    return prepared && enclosed(prepared, this.id);
  }
}

/**
 * Sends an event to all sessions of a channel, which must have been made with
 * `{serializer: String, eventId: null}`.
 *
 * @throws {SseError} `overloaded`
 */
export function broadcastEvent(channel: Channel, event: WireEvent, id?: string): void {
  channel[kBroadcast](new WireBroadcast(event, id));
}

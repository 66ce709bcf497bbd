import { defaultEncoding, type Encoding, nameField } from "./encoding.js";
import { makeRoomFor, makeRoomForText, schedule } from "./engine.js";
import { sendError } from "./errors.js";
import type { Filter, Ring } from "./history/ring.js";
import { kEncoding, kImmediate, kNative, kPushListeners, kSend, kSendText } from "./internal.js";
import { type EnclosedText, native } from "./native.js";

/** What members of a channel have to tell about themselves. */
export interface Member {
  readonly isConnected: boolean;
  readonly [kNative]: number;
  readonly [kEncoding]: Encoding;
  readonly [kImmediate]: boolean;
  readonly [kPushListeners]: boolean;
  [kSend](data: string, name: string | undefined, id: string | undefined): void;
  [kSendText](...enclosed: EnclosedText): void;
}

/** An event as it was broadcast. */
export interface Broadcast {
  readonly data: unknown;
  readonly name: string;
  readonly id: string | undefined;
  /** The same for the engine to format, where `data` is text that the channel leaves as it is. */
  readonly enclosed?: EnclosedText | undefined;
  /** The same as text, where it came as that. */
  readonly fields?: Fields | undefined;
}

/** Where events are kept, and which members may have this one later. */
export interface Keep<M> {
  readonly ring: Ring<M>;
  readonly filter: Filter<M> | undefined;
}

/** The fields of an event as text, as arguments. */
export type Fields = [data: string, name: string | undefined, id: string | undefined];

/** The event's fields as the encoding makes text of them, unless they are text already. */
function encode({ data, name, id, fields }: Broadcast, encoding: Encoding): Fields {
  if (fields) return fields;
  const idField = id === undefined ? undefined : encoding.field(id);
  return [encoding.data(data), nameField(encoding.field(name)), idField];
}

/** Does `action`; what it throws joins `failures`. Returns whether it did not. */
export function attempt(failures: unknown[], action: () => void): boolean {
  try {
    action();
    return true;
  } catch (error) {
    failures.push(error);
    return false;
  }
}

/** Grows to the largest broadcast to chosen sessions, and is shared by all. */
let numbers = new Float64Array(64);

/**
 * The sessions of a channel, in the order in which they came, and the engine's channel for those
 * of them that take the same bytes.
 */
export class Members<M extends Member> {
  readonly all = new Set<M>();
  /** Those with a listener for `push`. */
  readonly listening = new Set<M>();
  /** Those to which events are sent one by one. */
  readonly #alone = new Set<M>();
  /** What the channel makes text with, if that is not up to the session. */
  readonly #encoding: Encoding | undefined;
  /** The engine's number of the channel. */
  readonly channel = native.newChannel();

  constructor(encoding: Encoding | undefined) {
    this.#encoding = encoding;
  }

  add(member: M): void {
    this.all.add(member);
    if (member[kPushListeners]) this.listening.add(member);
    const hasOwnText = !this.#encoding && member[kEncoding] !== defaultEncoding;
    if (member[kImmediate] || hasOwnText) {
      this.#alone.add(member);
      return;
    }
    native.join(this.channel, member[kNative]);
  }

  delete(member: M): void {
    this.all.delete(member);
    this.listening.delete(member);
    if (!this.#alone.delete(member)) native.leave(this.channel, member[kNative]);
  }

  /** Those that the filter lets have an event. What it throws joins `failures`. */
  choose(filter: Filter<M>, failures: unknown[]): Set<M> {
    const chosen = new Set<M>();
    for (const member of this.all) {
      if (!member.isConnected) continue;
      attempt(failures, () => {
        if (filter(member)) chosen.add(member);
      });
    }
    return chosen;
  }

  /**
   * Sends to all, or to those `chosen`. Returns those whose own serializer or sanitizer threw, which
   * get nothing.
   *
   * @throws what the serializer or sanitizer for all others throws, and `SseError` `overloaded`; nobody
   * gets anything then
   */
  send(
    event: Broadcast,
    chosen: ReadonlySet<M> | undefined,
    failures: unknown[],
    keep?: Keep<M>,
  ): M[] {
    const enclosed = this.#keepsText && !chosen && !keep ? event.enclosed : undefined;
    if (enclosed) {
      if (this.all.size > this.#alone.size) {
        makeRoomForText(...enclosed);
        this.#share(() => native.broadcastText(this.channel, ...enclosed));
      }
      return this.#sendAlone(this.all, failures, (member) => member[kSendText](...enclosed));
    }
    const among = chosen ?? this.all;
    const sharing = chosen && [...chosen].filter((member) => !this.#alone.has(member));
    const isShared = sharing ? sharing.length > 0 : this.all.size > this.#alone.size;
    const isEncoded = isShared || keep || (this.#encoding !== undefined && among.size > 0);
    const fields = isEncoded ? encode(event, this.#encoding ?? defaultEncoding) : undefined;

    if (fields && keep) {
      keep.ring.check(fields);
      makeRoomFor(...fields);
      const recipients = isShared && !sharing ? undefined : recipientsOf(sharing ?? []);
      this.#share(() => keep.ring.send(fields, recipients, keep.filter));
    } else if (fields && isShared) {
      makeRoomFor(...fields);
      this.#share(() =>
        sharing
          ? native.multicast(...recipientsOf(sharing), ...fields)
          : native.broadcast(this.channel, ...fields),
      );
    }
    return this.#sendAlone(among, failures, (member) => {
      member[kSend](...(this.#encoding && fields ? fields : encode(event, member[kEncoding])));
    });
  }

  /** The event's fields as all members get them, where the channel has an encoding. */
  textOf(event: Broadcast): Fields {
    return encode(event, this.#encoding ?? defaultEncoding);
  }

  /** Sends to one member alone. @throws what its serializer or sanitizer throws, and `overloaded` */
  sendTo(member: M, event: Broadcast): void {
    member[kSend](...encode(event, this.#encoding ?? member[kEncoding]));
  }

  /** Whether the text of what is broadcast is the JSON of its data, for all members. */
  get usesJson(): boolean {
    return this.#encoding === defaultEncoding;
  }

  /** Whether what is broadcast is made text of by default, for lack of any other way. */
  get useDefaultEncoding(): boolean {
    return !this.#encoding && this.#alone.size === 0;
  }

  /** Whether text that the channel is given is sent as it is, save what its serializer does. */
  get #keepsText(): boolean {
    return this.#encoding !== undefined && !this.#encoding.sanitizer;
  }

  /** Sends to those who take the same bytes. `send` tells whether there are notices. */
  #share(send: () => boolean): void {
    try {
      if (send()) schedule();
    } catch (error) {
      throw sendError(error);
    }
  }

  /** Sends to all others, one by one. Returns those for whom it threw. */
  #sendAlone(among: ReadonlySet<M>, failures: unknown[], send: (member: M) => void): M[] {
    const missed: M[] = [];
    for (const member of this.#alone) {
      if (!member.isConnected || !among.has(member)) continue;
      if (!attempt(failures, () => send(member))) missed.push(member);
    }
    return missed;
  }
}

/** As arguments of the engine; until the next call. */
function recipientsOf(members: readonly Member[]): [sessions: Float64Array, count: number] {
  if (members.length > numbers.length) numbers = new Float64Array(members.length * 2);
  for (const [at, member] of members.entries()) numbers[at] = member[kNative];
  return [numbers, members.length];
}

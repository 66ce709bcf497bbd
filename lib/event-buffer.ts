import type { NativeEventBuffer } from "../types/native.js";
import { looseId } from "./auto-id.js";
import { detachable } from "./detachable.js";
import {
  checkEventId,
  checkEventName,
  type Encoding,
  type EncodingOptions,
  encodingOf,
  nameField,
} from "./encoding.js";
import { checkOptions, describe, SseError } from "./errors.js";
import {
  feed,
  type IterateOptions,
  type Sink,
  type StreamOptions,
  type StreamSource,
} from "./feed.js";
import { native } from "./native.js";
import { checkAutoId, checkEncoding } from "./options.js";

export interface EventBufferOptions extends EncodingOptions {
  /**
   * Whether events without an id get one, of 15 characters, unique and increasing.
   *
   * Defaults to `"auto"`.
   */
  eventId?: "auto" | null | undefined;
}

export const kNativeBuffer = Symbol("nativeBuffer");

/**
 * Events that are written field by field, or event by event, to be sent at once with
 * `session.batch(buffer)` or in a way of one's own.
 *
 * Whatever the values are, they stay within their fields: `data` with line ends becomes several
 * `data` lines, of which clients make the same text again; `event` and `id` lose line ends.
 */
export class EventBuffer {
  readonly #encoding: Encoding;
  readonly #autoId: boolean;
  readonly #buffer: NativeEventBuffer = new native.EventBuffer();

  /** @throws {SseError} `invalid-option`, `invalid-argument` */
  constructor(options?: EventBufferOptions) {
    const given = checkOptions(options) ?? {};
    checkEncoding(given);
    this.#encoding = encodingOf(given);
    this.#autoId = checkAutoId(given.eventId);
  }

  /**
   * Writes the event's name.
   *
   * @throws {SseError} `invalid-argument` for what is no string
   */
  event(name: string): this {
    checkEventName(name);
    this.#buffer.event(this.#encoding.field(name));
    return this;
  }

  /**
   * Writes data, as the serializer makes text of it.
   *
   * @throws {TypeError} for what has no text form
   */
  data(data: unknown): this {
    this.#buffer.data(this.#encoding.data(data));
    return this;
  }

  /**
   * Writes the event's id. An empty one makes the client forget its last.
   *
   * @throws {SseError} `invalid-argument` for what is no string
   */
  id(id = ""): this {
    checkEventId(id);
    this.#buffer.id(this.#encoding.field(id));
    return this;
  }

  /**
   * Writes how long the client is to wait before it connects again.
   *
   * @param time A whole number of ms.
   * @throws {SseError} `invalid-argument` for anything else
   */
  retry(time: number): this {
    if (!Number.isSafeInteger(time) || time < 0) {
      throw new SseError(
        "invalid-argument",
        `retry is ${describe(time)}; it must be a whole number of ms, 0 or more.`,
      );
    }
    this.#buffer.retry(time);
    return this;
  }

  /**
   * Writes a comment, which clients ignore.
   *
   * @throws {SseError} `invalid-argument` for what is no string
   */
  comment(text = ""): this {
    if (typeof text !== "string") {
      throw new SseError("invalid-argument", `a comment must be a string, not ${describe(text)}.`);
    }
    this.#buffer.comment(this.#encoding.field(text));
    return this;
  }

  /** Ends the event. */
  dispatch(): this {
    this.#buffer.dispatch();
    return this;
  }

  /**
   * Writes a whole event.
   *
   * @param eventName Defaults to `"message"`, which is not written, as clients assume it.
   * @param eventId Defaults to a new id.
   * @throws {TypeError} for data that has no text form; nothing is written then
   * @throws {SseError} `invalid-argument` for a name or id that is no string
   */
  push(data: unknown, eventName = "message", eventId?: string): this {
    checkEventName(eventName);
    checkEventId(eventId);
    const id = eventId ?? (this.#autoId ? looseId() : undefined);
    const encoding = this.#encoding;
    const name = nameField(encoding.field(eventName));
    this.#buffer.push(encoding.data(data), name, id === undefined ? id : encoding.field(id));
    return this;
  }

  /**
   * Writes each chunk of a stream as an event.
   *
   * @returns A promise of `true`, which rejects with an error of the stream.
   */
  stream<Chunk>(stream: StreamSource<Chunk>, options?: StreamOptions<Chunk>): Promise<boolean> {
    return feed(sinkOf(this), stream, options, "stream");
  }

  /** Writes each value of an iterable as an event. */
  async iterate<Chunk>(
    iterable: Iterable<Chunk> | AsyncIterable<Chunk>,
    options?: IterateOptions<Awaited<Chunk>>,
  ): Promise<void> {
    await feed(sinkOf(this), iterable, options, "iteration");
  }

  /** Forgets all that was written. */
  clear(): this {
    this.#buffer.clear();
    return this;
  }

  /** What was written, in event stream syntax. */
  read(): string {
    return this.#buffer.read();
  }

  /** @internal */
  get [kNativeBuffer](): NativeEventBuffer {
    return this.#buffer;
  }
}

detachable(
  EventBuffer.prototype,
  ...(["data", "id", "retry", "comment", "dispatch", "push"] as const),
  ...(["stream", "iterate", "clear", "read"] as const),
);

/** A buffer takes everything at once and for ever. */
function sinkOf(buffer: EventBuffer): Sink {
  return {
    push: (data, eventName) => buffer.push(data, eventName),
    ready: () => undefined,
    onStop: () => () => {},
  };
}

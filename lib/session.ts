import type { IncomingMessage, ServerResponse } from "node:http";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import type { DefaultEventName, DefaultEvents, EventName } from "../types/events.js";
import { autoId, looseId } from "./auto-id.js";
import type { Connection } from "./connection/connection.js";
import { openConnection } from "./connection/open.js";
import { detachable } from "./detachable.js";
import { checkEventId, checkEventName, type Encoding, nameField } from "./encoding.js";
import { describe, SseError } from "./errors.js";
import { EventBuffer, kNativeBuffer } from "./event-buffer.js";
import { feed, type IterateOptions, type StreamOptions, type StreamSource } from "./feed.js";
import {
  kEncoding,
  kHeader,
  kImmediate,
  kJoined,
  kLastBroadcast,
  kLeft,
  kOnStop,
  kPresentedId,
  kPushListeners,
  kQuery,
  kReplaying,
  kRetry,
  kSend,
  kSessionEnded,
  kSetLastId,
  nextSequence,
  type SessionObserver,
} from "./internal.js";
import { lastEventIdOf } from "./last-event-id.js";
import { type DefaultSessionState, type SessionOptions, settingsOf } from "./options.js";
import { SessionLifecycle } from "./session-lifecycle.js";
import { sourceOf } from "./source.js";
import { kListenersChanged } from "./typed-emitter.js";

/** Above this many bytes that wait, or this part of the limit, `stream()` and `iterate()` wait for the
 * client. The smallest events count ten times their size for the limit. */
const feedLimit = 64 * 1024;
const feedPart = 1 / 16;
const noChannels: never[] = [];

/**
 * An open connection to a client, to which events are pushed.
 *
 * Over Node's HTTP APIs the session sends the head of the response itself, and connects at once.
 * Over Fetch it connects when the body of the `Response` that `getResponse()` returns is read.
 *
 * It emits `connected`, `disconnected`, `push` and `dropped`; see `SessionEvents`. A listener that
 * throws is reported as a warning of the process, except that of `push`, whose error reaches the
 * caller of `push` or `broadcast` after the event is on its way.
 */
export class Session<
  State = DefaultSessionState,
  Events extends object = DefaultEvents,
> extends SessionLifecycle {
  #state: State | undefined;
  #presentedId = "";
  #lastId = "";
  #lastSequence = 0;
  #channels: SessionObserver<Session<State, Events>>[] = noChannels;
  #hasPushListener = false;

  /**
   * @throws {SseError} `invalid-argument` for objects that make no connection, `headers-sent`,
   * `invalid-option`, `invalid-header`
   */
  constructor(req: IncomingMessage, res: ServerResponse, options?: SessionOptions<State>);
  constructor(req: Http2ServerRequest, res: Http2ServerResponse, options?: SessionOptions<State>);
  constructor(req: Request, res?: Response | null, options?: SessionOptions<State>);
  constructor(req: Request, options?: SessionOptions<State>);
  constructor(connection: Connection, options?: SessionOptions<State>);
  constructor(req: unknown, res?: unknown, options?: SessionOptions<State>) {
    const opened = openConnection(req, res, options);
    const { connection } = opened;
    const settings = settingsOf(opened.options);
    super(connection, settings);
    this.#state = opened.options?.state as State | undefined;
    if (settings.trustClientEventId) {
      this.#presentedId = lastEventIdOf(connection[kHeader]("last-event-id"), connection[kQuery]);
      this.#lastId = this.#presentedId;
    }
  }

  /** What the application wants to know about the session; an empty object unless given. */
  get state(): State {
    this.#state ??= {} as State;
    return this.#state;
  }

  set state(state: State) {
    this.#state = state;
  }

  /**
   * The id of the last event that was pushed or broadcast to the client; batches do not count. At
   * first the one that the client says it got last, which can be anything; see `trustClientEventId`.
   */
  get lastId(): string {
    let last = { id: this.#lastId, sequence: this.#lastSequence };
    for (const channel of this.#channels) {
      if (channel[kLastBroadcast].sequence > last.sequence) last = channel[kLastBroadcast];
    }
    return last.id;
  }

  /**
   * The request as a Fetch `Request`: the one given, or one made of the Node request's method, URL
   * and headers, whose signal aborts on disconnect.
   */
  getRequest(): Request {
    return this.connection.request;
  }

  /**
   * The response as a Fetch `Response`: over Fetch the one to return to the client. Over Node it has
   * the status and headers, which may be changed until the session connects, and no body.
   */
  getResponse(): Response {
    return this.connection.response;
  }

  /**
   * Sends an event, and emits `push`.
   *
   * @param data What the serializer makes text of: by default anything that JSON has a form for.
   * @param eventName Defaults to `"message"`.
   * @param eventId Defaults to a new id, or none; see the `eventId` option.
   * @throws {SseError} `not-connected` before the session has connected and after it has
   * disconnected, `invalid-argument` for a name or id that is no string, `overloaded`
   * @throws {TypeError} for data that has no text form. Whatever is thrown, nothing was sent.
   */
  push<Name extends EventName<Events> = DefaultEventName<Events>>(
    data: Events[Name],
    eventName: Name = "message" as Name,
    eventId?: string,
  ): this {
    this.requireConnected();
    checkEventName(eventName);
    checkEventId(eventId);
    const { autoId: isAuto, encoding } = this.settings;
    const name = nameField(encoding.field(eventName));
    const text = encoding.data(data);
    // After what the serializer may have sent.
    const id = eventId ?? (isAuto ? this.#newId() : undefined);
    this[kSend](text, name, id === undefined ? id : encoding.field(id));
    if (id !== undefined) this[kSetLastId](id, nextSequence());
    if (this.#hasPushListener) this.emit("push", data, eventName, id ?? "");
    return this;
  }

  /**
   * Pushes each chunk of a stream, as fast as the client takes them. When the session disconnects,
   * the stream is destroyed or cancelled at once.
   *
   * @returns A promise of `true` when all was pushed, `false` when the session disconnected before.
   * It rejects with an error of the stream; the session stays open then.
   */
  async stream<Chunk>(
    stream: StreamSource<Chunk>,
    options?: StreamOptions<Chunk, EventName<Events>>,
  ): Promise<boolean> {
    return this.#feed(stream, options, "stream");
  }

  /**
   * Pushes each value of an iterable, as fast as the client takes them. When the session
   * disconnects, the iterator's `return()` is called at once, which cancels what a provider's SDK
   * has under way.
   *
   * @returns A promise that resolves when all was pushed, or the session has disconnected. It rejects
   * with an error of the iterable; the session stays open then.
   */
  async iterate<Chunk>(
    iterable: Iterable<Chunk> | AsyncIterable<Chunk>,
    options?: IterateOptions<Awaited<Chunk>, EventName<Events>>,
  ): Promise<void> {
    await this.#feed(iterable, options, "iteration");
  }

  /**
   * Sends several events at once.
   *
   * @param batcher A buffer, whose contents are sent and kept, or what writes to a new one that
   * has this session's options.
   * @returns A promise that rejects with what `batcher` throws, nothing being sent then, and with
   * `SseError` `not-connected`, `invalid-argument`.
   */
  async batch(batcher: EventBuffer | ((buffer: EventBuffer) => unknown)): Promise<void> {
    this.requireConnected();
    let buffer: EventBuffer;
    if (batcher instanceof EventBuffer) buffer = batcher;
    else {
      requireBatcher(batcher);
      const { serializer, sanitizer } = this.settings.encoding;
      const eventId = this.settings.autoId ? "auto" : null;
      buffer = new EventBuffer({ serializer, sanitizer, eventId });
      await batcher(buffer);
      this.requireConnected();
    }
    this.sendBuffer(buffer[kNativeBuffer]);
  }

  /** How this session's data becomes text. @internal */
  get [kEncoding](): Encoding {
    return this.settings.encoding;
  }

  /** Whether what is sent has to be written at once. @internal */
  get [kImmediate](): boolean {
    return this.connection[kImmediate];
  }

  /** Whether someone listens for `push`. @internal */
  get [kPushListeners](): boolean {
    return this.#hasPushListener;
  }

  /** The id that the client says it got last; `""` for none. @internal */
  get [kPresentedId](): string {
    return this.#presentedId;
  }

  /** Tells the client when to reconnect, in ms. @throws {SseError} `overloaded` @internal */
  [kRetry](time: number): void {
    this.sendRetry(time);
  }

  /** @internal */
  [kSetLastId](id: string, sequence: number): void {
    this.#lastId = id;
    this.#lastSequence = sequence;
  }

  /** From now on its broadcasts count for `lastId`, and it is told of this session's end. @internal */
  [kJoined](channel: SessionObserver<Session<State, Events>>): void {
    // What the channel sent before does not.
    this[kSetLastId](this.lastId, nextSequence());
    // Not by spread, which reserves room for more.
    this.#channels = this.#channels.concat(channel);
  }

  /** @internal */
  [kLeft](channel: SessionObserver<Session<State, Events>>): void {
    this[kSetLastId](this.lastId, nextSequence());
    this.#channels = this.#channels.filter((each) => each !== channel);
  }

  protected override [kListenersChanged](event?: PropertyKey): void {
    if (event !== undefined && event !== "push") return;
    const has = this.listenerCount("push") > 0;
    if (has === this.#hasPushListener) return;
    this.#hasPushListener = has;
    for (const channel of this.#channels) channel[kPushListeners](this, has);
  }

  protected override ended(): void {
    this.#lastId = this.lastId;
    const channels = this.#channels;
    this.#channels = noChannels;
    for (const channel of channels) channel[kSessionEnded](this);
  }

  /** By an id a client may later be placed among the events of its channels: if it has got those before it. */
  #newId(): string {
    const channels = this.#channels;
    const isLevel =
      channels.length > 0
        ? !channels.some((channel) => channel[kReplaying])
        : this.#presentedId === "";
    return isLevel ? autoId() : looseId();
  }

  async #feed<Chunk>(
    source: unknown,
    options: StreamOptions<Chunk, EventName<Events>> | undefined,
    defaultName: string,
  ): Promise<boolean> {
    if (this.isOver) {
      sourceOf(source).cancel();
      return false;
    }
    this.requireConnected();
    const limit = Math.min(feedLimit, this.settings.maxBufferedBytes * feedPart);
    const sink = {
      push: (data: unknown, eventName: string) => this.push(data as never, eventName as never),
      ready: () => (this.bufferedBytes > limit ? this.drained() : undefined),
      onStop: (callback: () => void) => this[kOnStop](callback),
    };
    return feed(sink, source, options, defaultName);
  }
}

function requireBatcher(given: unknown): void {
  if (typeof given === "function") return;
  throw new SseError(
    "invalid-argument",
    `a batch is ${describe(given)}; it must be an EventBuffer or a function that gets one.`,
  );
}

detachable(
  Session.prototype,
  ...(["push", "stream", "iterate", "batch", "getRequest", "getResponse"] as const),
  ...(["close", "drained"] as const),
);

import type { ServerResponse } from "node:http";
import type { Http2ServerResponse } from "node:http2";
import { endsInHalfPair } from "../adapters/outlet.js";
import type { ProviderSource } from "../adapters/source.js";
import { describe, SseError } from "../errors.js";
import type { Session } from "../session.js";
import type { Answer } from "./answer.js";
import { checkToken, errorPart, metadataPart, type TokenUsage, usagePart } from "./given-parts.js";
import { Outbound } from "./outbound.js";
import type { AbortPart, ErrorPart, Part } from "./parts.js";
import { PipedAnswer, type PipeOptions } from "./piped-answer.js";
import { publicText } from "./protocols/error-text.js";
import { createProtocolWriter, type ProtocolWriter, type WireEvent } from "./protocols/index.js";
import {
  defaultMaxBufferedBytes,
  openSession,
  type StreamingResponseOptions,
  type StreamingTarget,
} from "./streaming-response-options.js";

/**
 * An answer on its way to one client, in the protocol that this client reads: token by token by the
 * `send` methods, or all of a provider's stream by `pipe`.
 *
 * The head of the response leaves by itself, in a task after the one that makes the stream; what is
 * sent before waits for it. Once the stream is over, by `end`, `sendError`, `abort` or because the
 * client has gone, all that is sent is ignored: a loop need not look at each step whether somebody
 * still listens, `signal` tells.
 */
export class StreamingResponse {
  /** What the stream is sent over: `drained()`, `bufferedBytes`, `transport`, its events. */
  readonly session: Session;
  readonly #writer: ProtocolWriter;
  readonly #outbound: Outbound;
  /** A high surrogate whose other half comes with the next token. */
  #half = "";
  /** An error of which the application wrote what clients read. */
  #ownWords: ErrorPart | undefined;
  #isPiping = false;
  /** Why the answer did not become whole. */
  #lost: SseError | undefined;
  #controller: AbortController | undefined;

  /**
   * @param target A response of `node:http` or `node:http2`, whatever framework it belongs to; or the
   * `Request` of a Fetch handler, which then returns `response`.
   * @throws {SseError} `invalid-argument`, `invalid-option`, `invalid-header`, `headers-sent`
   */
  constructor(res: ServerResponse, options?: StreamingResponseOptions);
  constructor(res: Http2ServerResponse, options?: StreamingResponseOptions);
  constructor(request: Request, options?: StreamingResponseOptions);
  constructor(target: StreamingTarget, options: StreamingResponseOptions = {}) {
    if (typeof options !== "object" || options === null) {
      throw new SseError(
        "invalid-argument",
        `options are ${describe(options)}; they must be an object.`,
      );
    }
    const { protocol = "events", maxBufferedBytes = defaultMaxBufferedBytes } = options;
    this.session = openSession(target, options);
    const errorText = (end: ErrorPart | AbortPart) =>
      end === this.#ownWords
        ? this.#ownWords.message
        : (options.errorText?.(end) ?? publicText(end));
    this.#writer = createProtocolWriter(protocol, { ...options, errorText });
    this.#outbound = new Outbound(this.session, maxBufferedBytes, () =>
      this.#lose(new SseError("not-connected", "the client has gone.")),
    );
  }

  /** Over Fetch: the `Response` to return, which is sent as its body is read. */
  get response(): Response {
    return this.session.getResponse();
  }

  /**
   * Aborts when the answer will not become whole: the client has gone, or `abort` or `sendError` was
   * called. Pass it to the provider's SDK.
   */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#lost) this.#controller.abort(this.#lost);
    return this.#controller.signal;
  }

  /** Begins the answer, as the first event sent does by itself. */
  start(): this {
    return this.#send({ type: "start" });
  }

  /**
   * Sends a piece of the answer's text. The halves of a character that two tokens share are sent
   * together; an empty token is not sent.
   *
   * @throws {SseError} `invalid-argument` for a token that is no string, `overloaded`
   */
  sendToken(token: string): this {
    checkToken(token);
    if (token === "" || !this.isStreamActive()) return this;
    this.#outbound.requireRoom();
    let text = this.#half + token;
    this.#half = "";
    if (endsInHalfPair(text)) {
      this.#half = text.slice(-1);
      text = text.slice(0, -1);
    }
    if (text !== "") this.#write({ type: "text", text });
    return this;
  }

  /** @throws {SseError} `invalid-argument` for what counts no tokens, `overloaded` */
  sendUsage(usage: TokenUsage): this {
    return this.#send(usagePart(usage));
  }

  /**
   * Sends anything that the application has to say beside the answer, where the protocol has a place
   * for it.
   *
   * @throws {TypeError} for an object that JSON has no form for; the stream goes on without it
   * @throws {SseError} `invalid-argument` for what is no object, `overloaded`
   */
  sendMetadata(data: object): this {
    return this.#send(metadataPart(data));
  }

  /**
   * Ends the stream with an error.
   *
   * @param error Text that the client reads as it stands; or what was thrown, of which it reads a
   * sentence that depends on the kind of error alone, unless the option `errorText` says another.
   * @param code Such as `RATE_LIMIT`. Defaults to one found from the error.
   * @throws {SseError} `invalid-argument` for a code that is no string
   */
  sendError(error: unknown, code?: string): this {
    const part = errorPart(error, code);
    if (typeof error === "string") this.#ownWords = part;
    return this.#terminate(part, new SseError("not-connected", "the stream ended with an error."));
  }

  /** Ends the answer, and the response after all that was sent. */
  end(): this {
    const part: Part = { type: "finish", reason: "stop" };
    if (!this.#isPiping) return this.#terminate(part);
    return this.#terminate(part, new SseError("not-connected", "the stream was ended."));
  }

  /**
   * Ends the answer before it is whole: the client is told so, and `signal` aborts, which stops the
   * provider.
   *
   * @param reason Reaches the client only by the option `errorText`.
   */
  abort(reason?: string): this {
    const part: Part = { type: "abort", ...(typeof reason === "string" && { reason }) };
    return this.#terminate(part, new SseError("not-connected", "the stream was aborted."));
  }

  /** Whether what is sent can still reach the client: until the stream is over. */
  isStreamActive(): boolean {
    return this.#outbound.isActive;
  }

  /** How many events were sent. */
  getMessageCount(): number {
    return this.#outbound.count;
  }

  /**
   * Sends a provider's answer and ends the response. The provider is read no faster than the client
   * takes the answer, and stopped when the client goes, or the stream is aborted.
   *
   * @param source Any provider's stream: see {@link ProviderSource}. The promise of one will do.
   * @returns A promise of the answer as far as it came: its text, usage, finish reason, and `error` or
   * `aborted`. Whatever the provider does, it does not reject; the client gets the protocol's last event. A
   * failure that nobody looks at, without `onFinish`, becomes a warning of the process.
   * @throws {SseError} `invalid-argument` for a source that cannot be read or while another is piped,
   * `invalid-option`, `overloaded`
   */
  async pipe(source: ProviderSource, options: PipeOptions = {}): Promise<Answer> {
    if (this.#isPiping) {
      throw new SseError(
        "invalid-argument",
        "the stream has one source already; wait for its end.",
      );
    }
    const piped = this.#open(source, options);
    this.#isPiping = true;
    try {
      await this.#outbound.connected();
      for await (const part of piped.reader) {
        piped.take(part);
        const failed = await this.#relay(part);
        if (!failed) continue;
        piped.take(failed);
        break;
      }
    } finally {
      this.#isPiping = false;
      piped.finish();
      await this.#outbound.end();
    }
    piped.returned();
    return piped.answer;
  }

  #open(source: ProviderSource, options: PipeOptions): PipedAnswer {
    const { signal } = this;
    const ended = this.isStreamActive() ? signal : AbortSignal.abort(this.#lost);
    try {
      return new PipedAnswer(source, options, ended);
    } catch (error) {
      this.sendError(error);
      throw error;
    }
  }

  /** Sends a part at the client's pace. Returns the error that took its place, if it has no JSON. */
  async #relay(part: Part): Promise<ErrorPart | undefined> {
    let failed: ErrorPart | undefined;
    let events: WireEvent[];
    this.#flushHalf();
    try {
      events = this.#writer.write(part);
    } catch (cause) {
      const message = "a part has no JSON";
      failed = { type: "error", code: "source-error", message, retryable: false, cause };
      events = this.#writer.write(failed);
    }
    for (const event of events) {
      await this.#outbound.room(event);
      this.#outbound.send(event);
    }
    await this.#outbound.ready();
    return failed;
  }

  #send(part: Part): this {
    if (!this.isStreamActive()) return this;
    this.#outbound.requireRoom();
    this.#flushHalf();
    return this.#write(part);
  }

  #write(part: Part): this {
    for (const event of this.#writer.write(part)) this.#outbound.send(event);
    return this;
  }

  #flushHalf(): void {
    const text = this.#half;
    this.#half = "";
    if (text !== "") this.#write({ type: "text", text });
  }

  #terminate(part: Part, lost?: SseError): this {
    if (!this.isStreamActive()) return this;
    try {
      this.#flushHalf();
      this.#write(part);
    } finally {
      void this.#outbound.end();
      if (lost) this.#lose(lost);
    }
    return this;
  }

  #lose(why: SseError): void {
    this.#lost ??= why;
    this.#controller?.abort(this.#lost);
  }
}

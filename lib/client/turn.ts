import { SseError } from "../errors.js";
import type { AIStreamConfig, RetryNotice } from "./ai-stream-config.js";
import { AnswerReader } from "./answer-reader.js";
import { attempt, type Ending } from "./attempt.js";
import { EventParser, type ParsedEvent } from "./event-parser.js";
import type { Said } from "./protocols/said.js";
import { below } from "./request.js";
import { type Retry, retryDelay, sleep } from "./retry.js";
import { Silence } from "./silence.js";
import { ToldText } from "./told-text.js";

/** How long a server may take to stop, in ms. */
const stopPatience = 10_000;

export interface TurnOptions {
  id: string;
  /** The next id, where each request has its own; `undefined` where the application names them. */
  newId: (() => string) | undefined;
  /** Of the request that starts the answer; absent for one that was started before. */
  body: ((id: string) => string) | undefined;
  /** The server streams. */
  onOpen(): void;
  onSaid(said: Said): void;
  /** The answer is another one, or less, than what was shown of it. */
  onRestart(): void;
  onRetry(notice: RetryNotice): void;
}

/**
 * One answer, from its request to its end, over as many connections as it takes.
 *
 * A prompt is posted again only where nothing can have come of the request before: the server has
 * refused it, or knows no generation of this id, and the model has said nothing.
 */
export class Turn {
  id: string;
  readonly text = new ToldText();
  readonly reasoning = new ToldText();
  /** Since the answer was last told from its start. */
  answer = new AnswerReader();
  /** Whether nothing more is taken: nobody wants it, or it has ended. */
  isOver = false;
  readonly #config: AIStreamConfig;
  readonly #retry: Retry;
  readonly #options: TurnOptions;
  readonly #abort = new AbortController();
  /** Of the generation. */
  #url = "";
  /** The request whose response has not come. */
  #posting: Promise<Ending> | undefined;
  /** Whether the server may have got the request. */
  #sent = false;
  /** Whether the server has streamed: the generation under the id is this answer's. */
  #open = false;
  /** Whether the model has spoken, so that somebody pays. */
  #heard = false;
  /** Where the answer goes on; `""` for from its start. */
  #lastId = "";

  constructor(config: AIStreamConfig, retry: Retry, options: TurnOptions) {
    this.#config = config;
    this.#retry = retry;
    this.#options = options;
    this.id = options.id;
    this.#name(options.id);
  }

  /**
   * Resolves at the end of the answer, or when there is none to take up. To be called once.
   *
   * @throws {SseError}
   */
  async run(): Promise<void> {
    for (let failures = 0; ; ) {
      const before = this.#length;
      const { error, final, retryAfter = 0 } = await this.#attempt();
      if (this.isOver || !error) return;
      if (this.#length > before) failures = 0;
      const { answer } = this;
      const passes = !this.#heard && answer.passes;
      const isLast =
        final ||
        // The application's own `fetch` aborts, or the page is being left.
        Object(error.cause).name === "AbortError" ||
        (!passes && /^(answer-failed|invalid-data)$/.test(error.code));
      if (isLast || failures >= this.#retry.maxRetries) {
        if (answer.isWhole) return;
        throw error;
      }
      const atLeast = Math.max(retryAfter, answer.error?.retryAfter ?? 0);
      const delay = retryDelay(this.#retry, failures++, atLeast);
      if (passes) this.#startOver();
      this.#options.onRetry({ attempt: failures, delay, error });
      await sleep(delay, this.#abort.signal).catch(() => {});
    }
  }

  /** Takes nothing more, and leaves the server alone. */
  leave(): void {
    this.isOver = true;
    this.#abort.abort();
  }

  /** Takes nothing more, and has the server stop. */
  async stop(): Promise<void> {
    this.isOver = true;
    if (!this.#posting || !this.#sent) {
      await this.#stopServer();
      return;
    }
    // A stop must not overtake the request that it stops; but that may take for ever.
    AbortSignal.timeout(stopPatience).onabort = () => this.#abort.abort();
    await this.#posting;
  }

  get #length(): number {
    return this.text.shown.length + this.reasoning.shown.length;
  }

  async #attempt(): Promise<Ending> {
    const { body, newId } = this.#options;
    if (this.isOver) return {};
    // Under an id that the application names there may be an older answer.
    if (this.#open || !body || (this.#sent && newId)) {
      const ending = await this.#resume();
      if (ending) return ending;
      if (this.#heard || (this.#open && !body)) {
        const why = "the answer broke off, and the server cannot resume it.";
        return { error: new SseError("incomplete", why), final: true };
      }
    }
    return body && !this.isOver ? this.#post(body(this.id)) : { final: true };
  }

  async #post(body: string): Promise<Ending> {
    const repeated = this.#sent;
    const { endpoint } = this.#config;
    // The type of a Blob is the content type.
    const init = { method: "POST", body: new Blob([body], { type: "application/json" }) };
    this.#posting = this.#request(endpoint, init, (stream, response) => {
      this.#locate(response);
      return this.#read(stream);
    });
    const ending = await this.#posting;
    this.#posting = undefined;
    const { error } = ending;
    if (!error && !this.#open) {
      return { error: new SseError("not-a-stream", "the response is empty."), final: true };
    }
    const { status = 500 } = error ?? {};
    if (status === 409 && repeated) return (await this.#resume()) ?? ending;
    // What a gateway says tells nothing of what the server behind it has got.
    if (status < 500 || status === 503) this.#sent = repeated;
    return ending;
  }

  /** Nothing where the server has nothing that goes on. */
  async #resume(): Promise<Ending | undefined> {
    const read: Read = (stream) => this.#read(stream);
    const ending = await this.#request(below(this.#url, "stream"), {}, read, this.#lastId);
    const { error, final } = ending;
    const isNone = error ? /^2|404|405|501/.test(String(error.status)) : final;
    return isNone ? undefined : ending;
  }

  /** Ends the connection, and the generation. The request goes out though the page is left. */
  async #stopServer(): Promise<void> {
    this.#abort.abort();
    if (!this.#sent && !this.#open) return;
    const init = { method: "POST", keepalive: true };
    const signal = AbortSignal.timeout(stopPatience);
    await this.#request(below(this.#url, "stop"), init, async () => {}, "", signal);
  }

  async #request(
    url: string,
    given: RequestInit,
    read: Read,
    lastId = "",
    signal = this.#abort.signal,
  ): Promise<Ending> {
    const { headers, fetch, credentials = "same-origin" } = this.#config;
    const { body } = given;
    const init: RequestInit = { credentials, cache: "no-store", ...given };
    const request = { url, init, headers, fetch };
    const onSent = () => {
      if (body) this.#sent = true;
    };
    const ending = await attempt(request, lastId, false, signal, onSent, read);
    return ending.renew ? attempt(request, lastId, true, signal, onSent, read) : ending;
  }

  /** `Content-Location` names the generation, where the server has another id for it. */
  #locate({ headers, url }: Response): void {
    const given = headers.get("content-location");
    if (!given || !URL.canParse(given, url)) return;
    const { href, origin, pathname } = new URL(given, url);
    // Headers with tokens go to no other server.
    if (!url.startsWith(`${origin}/`)) return;
    this.#url = href;
    this.id = decoded(pathname.slice(pathname.lastIndexOf("/") + 1));
  }

  async #read(stream: ReadableStream<Uint8Array>): Promise<void> {
    this.#posting = undefined;
    if (this.isOver) {
      await this.#stopServer();
      return;
    }
    if (!this.#open) {
      this.#open = true;
      this.#options.onOpen();
    }
    const { heartbeatTimeout = 120_000 } = this.#config;
    const reader = stream.getReader();
    const cancel = () => void reader.cancel().catch(() => {});
    let isIdle = false;
    const silence = new Silence(heartbeatTimeout, () => {
      isIdle = true;
      cancel();
    });
    const isDone = () => this.isOver || this.answer.ended;
    let isFirst = true;
    const parser = new EventParser({
      onEvent: (event) => {
        if (!isDone()) this.#take(event, isFirst);
        isFirst = false;
      },
      onComment: (text) => {
        if (text.startsWith("gap:")) this.#anew();
      },
    });
    if (!this.#lastId) this.#anew();
    try {
      while (!isDone()) {
        silence.listen();
        const { done, value } = await reader.read();
        if (done) break;
        parser.push(value);
      }
    } finally {
      silence.end();
      // What comes next is the response's end; a server should not find that its client has gone.
      if (this.answer.ended) reader.read().then(cancel, cancel);
      else cancel();
    }
    if (isIdle) {
      const why = `nothing came from the server for ${heartbeatTimeout} ms.`;
      throw new SseError("idle-timeout", why);
    }
    if (this.isOver) return;
    this.answer.check();
    if (this.answer.aborted) return;
    this.reasoning.end();
    if (this.text.end()) this.#options.onRestart();
  }

  /** What comes is the answer from its start. */
  #anew(): void {
    this.#lastId = "";
    this.text.restart();
    this.reasoning.restart();
    this.answer = new AnswerReader();
  }

  /** @param isFirst whether it is the first event of a connection */
  #take({ event, data, id }: ParsedEvent, isFirst: boolean): void {
    if (event === "gap") {
      this.#anew();
      return;
    }
    let said = this.answer.take(event, data);
    // A server that does not go on, but sends all of it again.
    if (said?.start && isFirst) {
      this.#anew();
      said = this.answer.take(event, data);
    }
    if (id) this.#lastId = id;
    this.#heard ||= this.answer.heard;
    if (said) this.#options.onSaid(said);
  }

  /** The answer has failed before the model has spoken: the next request is as good as the first. */
  #startOver(): void {
    const { newId } = this.#options;
    this.#anew();
    this.#open = false;
    this.#sent = !newId;
    if (newId) this.#name(newId());
  }

  #name(id: string): void {
    this.id = id;
    this.#url = below(this.#config.endpoint, encodeURIComponent(id));
  }
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

type Read = (stream: ReadableStream<Uint8Array>, response: Response) => Promise<void>;

import { SseError } from "../errors.js";
import { Answer, type AnswerObserver } from "./answer.js";
import type { Exchange } from "./exchange.js";
import { asSseError, lost, Passing, refused } from "./passing.js";
import type { Protocol } from "./protocols/index.js";
import { readResponse } from "./read-response.js";
import { isEventStream } from "./response.js";
import { type Retry, retryDelay, sleep } from "./retry.js";

/** How long a stop waits for the response to the request that it stops, in ms. */
const headTime = 5000;
/** The servers' words for errors that pass. */
const passing = /rate.?limit|overload|server.?error|timeout|unavailable|connection/i;

/** That a request is made again. */
export interface RetryNotice {
  /** 1 for the first one since the answer last went on. */
  readonly attempt: number;
  /** In ms from now. */
  readonly delay: number;
  /** Why. */
  readonly error: SseError;
}

export interface TurnObserver extends AnswerObserver {
  /** The server streams. */
  onOpen(): void;
  onRetry(notice: RetryNotice): void;
}

export interface TurnOptions {
  id: string;
  /** The next id, where each request has its own; `undefined` where the application names them. */
  newId: (() => string) | undefined;
  /** Of the request that starts the answer; absent for one that was started before. */
  body: ((id: string) => string) | undefined;
  protocol: Protocol | undefined;
  retry: Retry;
  /** In ms; Infinity for never. */
  idleTimeout: number;
}

/**
 * One answer, from its request to its end, over as many connections as it takes.
 *
 * A prompt is posted again only where nothing can have come of the request before: the server has
 * refused it, or knows no generation of this id, and the model has said nothing.
 */
export class Turn {
  id: string;
  readonly answer: Answer;
  /** Whether nothing more is taken: nobody wants it, or it has ended. */
  isOver = false;
  readonly #exchange: Exchange;
  readonly #options: TurnOptions;
  readonly #observer: TurnObserver;
  readonly #abort = new AbortController();
  #url: string;
  /** The request whose response has not come. */
  #posting: Promise<unknown> | undefined;
  /** Whether the server may have got the request. */
  #sent = false;
  /** Whether the server has streamed: the generation under the id is this answer's. */
  #open = false;

  constructor(exchange: Exchange, options: TurnOptions, observer: TurnObserver) {
    this.#exchange = exchange;
    this.#options = options;
    this.#observer = observer;
    this.id = options.id;
    this.#url = exchange.urlOf(this.id);
    this.answer = new Answer(options.protocol, observer);
  }

  /**
   * Resolves at the end of the answer, with whether there was one. To be called once.
   *
   * @throws {SseError}
   */
  async run(): Promise<boolean> {
    for (let failures = 0; ; ) {
      const before = this.answer.length;
      try {
        return await this.#attempt();
      } catch (thrown) {
        if (this.isOver) return true;
        if (this.answer.length > before) failures = 0;
        if (thrown instanceof Passing && failures < this.#options.retry.maxRetries) {
          await this.#wait(failures++, thrown);
          continue;
        }
        const { isComplete, error } = this.answer.read;
        // It lacks no more than what comes after its end.
        if (isComplete && !error) return true;
        throw asSseError(thrown);
      }
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
    const posting = this.#posting;
    if (!posting) this.#abort.abort();
    if (this.#sent || this.#open) {
      const known = await this.#exchange.stop(this.#url);
      // A stop that has overtaken its request has stopped nothing.
      if (posting && known) {
        await Promise.race([posting, sleep(headTime, this.#abort.signal).catch(() => {})]);
        await this.#exchange.stop(this.#url);
      }
    }
    this.#abort.abort();
  }

  async #wait(failures: number, { error, after }: Passing): Promise<void> {
    const delay = retryDelay(this.#options.retry, failures, after);
    this.#observer.onRetry({ attempt: failures + 1, delay, error });
    await sleep(delay, this.#abort.signal).catch(() => {});
  }

  async #attempt(): Promise<boolean> {
    if (this.isOver) return true;
    const { body, newId } = this.#options;
    // Under an id that the application names there may be an older answer.
    const resumes = this.#open || !body || (this.#sent && newId);
    const response = (resumes && (await this.#resume())) || (await this.#post());
    if (!response) return false;
    if (!this.#open && !this.isOver) {
      this.#open = true;
      this.#observer.onOpen();
    }
    await this.#read(response);
    return true;
  }

  async #post(): Promise<Response | undefined> {
    const { body } = this.#options;
    if (this.isOver) return undefined;
    if (this.answer.heard || (this.#open && !body)) {
      throw new SseError("incomplete", "the answer broke off, and the server cannot resume it.");
    }
    if (!body) return undefined;
    const repeated = this.#sent;
    const posting = this.#exchange.post(body(this.id), this.#abort.signal);
    this.#sent = true;
    this.#posting = posting.catch(() => {});
    const response = await this.#fetched(posting);
    if (isStream(response)) {
      this.#locate(response);
      return response;
    }
    const { status } = response;
    if (status === 409 && repeated) {
      const running = await this.#resume();
      if (running) return discard(response, running);
    }
    // A gateway's word says nothing of what the server behind it has got.
    if (status < 500 || status === 503) this.#sent = repeated;
    throw await refused(response, this.#abort.signal);
  }

  /** The response that goes on with the answer; nothing where the server has none. */
  async #resume(): Promise<Response | undefined> {
    const { signal } = this.#abort;
    const response = await this.#fetched(
      this.#exchange.resume(this.#url, this.answer.lastId, signal),
    );
    if (isStream(response)) return response;
    const { ok, status } = response;
    if (ok || status === 404 || status === 405 || status === 501) return discard(response);
    throw await refused(response, signal);
  }

  async #fetched(fetching: Promise<Response>): Promise<Response> {
    try {
      return await fetching;
    } catch (cause) {
      throw lost(cause);
    } finally {
      this.#posting = undefined;
    }
  }

  /** `Content-Location` names the generation, where the server has another id for it. */
  #locate({ headers, url }: Response): void {
    const given = headers.get("content-location");
    if (!given) return;
    try {
      const { origin, href, pathname } = new URL(given, url);
      if (origin !== new URL(url).origin) return;
      this.id = decodeURIComponent(pathname.slice(pathname.lastIndexOf("/") + 1));
      this.#url = href;
    } catch {
      // It names nothing.
    }
  }

  async #read(response: Response): Promise<void> {
    const turn = this;
    const { answer } = this;
    let isFirst = true;
    if (!answer.lastId) answer.anew();
    if (response.headers.has("x-vercel-ai-ui-message-stream")) answer.read.protocol ??= "ai-sdk";
    const sink = {
      get ended() {
        return turn.isOver || answer.read.ended;
      },
      onEvent(event: Parameters<Answer["take"]>[0]) {
        if (sink.ended) return;
        answer.take(event, isFirst);
        isFirst = false;
      },
      onComment(text: string) {
        if (text.startsWith("gap:")) answer.anew();
      },
    };
    await readResponse(response, sink, this.#options.idleTimeout);
    if (this.isOver) return;
    const { error } = answer.read;
    try {
      answer.end();
    } catch (thrown) {
      const passes = !answer.heard && this.#options.body && passing.test(error?.code ?? "");
      if (!passes) throw thrown;
      this.#startOver();
      throw new Passing(asSseError(thrown), error?.retryAfter);
    }
  }

  /** The answer has failed before the model has spoken: the next request is as good as the first. */
  #startOver(): void {
    const { newId } = this.#options;
    this.answer.anew();
    this.#open = false;
    this.#sent = !newId;
    if (!newId) return;
    this.id = newId();
    this.#url = this.#exchange.urlOf(this.id);
  }
}

function isStream(response: Response): boolean {
  return response.status === 200 && isEventStream(response) && response.body !== null;
}

/** Drops a response's body, and returns what takes its place. */
function discard<T>(response: Response, instead?: T): T | undefined {
  response.body?.cancel().catch(() => {});
  return instead;
}

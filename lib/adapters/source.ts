import { describe, SseError } from "../errors.js";

/** The parts of `fetch`'s `Response` that a reader needs. */
export interface ResponseLike {
  readonly ok: boolean;
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  readonly body: ReadableStream<Uint8Array> | AsyncIterable<unknown> | null;
}

/**
 * What a reader reads: the stream of a provider's SDK, anything else that yields the provider's
 * chunks as objects, or its event stream as bytes or text, in pieces of any size: a `fetch`
 * `Response`, its body, a Node `Readable`. Also the promise of one, so that a failed request
 * becomes an error part as well. Strings that are the answer's text have to be made parts of, which
 * `readParts` reads.
 */
export type ProviderSource =
  | ResponseLike
  | ReadableStream<unknown>
  | AsyncIterable<unknown>
  | Iterable<unknown>
  | PromiseLike<
      ResponseLike | ReadableStream<unknown> | AsyncIterable<unknown> | Iterable<unknown>
    >;

/** What came of asking a feed for the next chunk. */
export type Fed =
  | { type: "chunk"; chunk: unknown }
  | { type: "end"; aborted: boolean }
  | { type: "error"; error: unknown }
  | { type: "abort"; reason: unknown };

/** A source opened, in the one shape that all have in common. */
interface Opened {
  response: ResponseLike | undefined;
  next(): Promise<IteratorResult<unknown>> | IteratorResult<unknown>;
  cancel(reason?: unknown): void;
  /** Whether the application stopped it by the SDK's own means: such streams then just end. */
  aborted(): boolean;
}

/** How long, in ms, and how far a source may still be read when the answer is there. */
const drainTime = 1000;
const drainChunks = 64;

const closed: Fed = { type: "end", aborted: true };

function ignore(): void {}

/** Whatever comes of it is nobody's concern any more. */
function abandon(action: () => unknown): void {
  try {
    Promise.resolve(action()).catch(ignore);
  } catch {
    // As above.
  }
}

function isResponse(shape: Record<PropertyKey, unknown>): boolean {
  return typeof shape.status === "number" && "body" in shape && "headers" in shape;
}

function openWeb(stream: ReadableStream<unknown>): Opened {
  const reader = stream.getReader();
  return {
    response: undefined,
    next: () => reader.read() as Promise<IteratorResult<unknown>>,
    cancel: (reason) => abandon(() => reader.cancel(reason)),
    aborted: () => false,
  };
}

function iteratorOf(
  iterable: AsyncIterable<unknown> | Iterable<unknown>,
): AsyncIterator<unknown> | Iterator<unknown> {
  if (Symbol.asyncIterator in iterable) return iterable[Symbol.asyncIterator]();
  return iterable[Symbol.iterator]();
}

function openIterable(given: object): Opened {
  // At once: the helper streams of the SDKs keep events only for iterators that are there already.
  const iterator = iteratorOf(given as AsyncIterable<unknown> | Iterable<unknown>);
  const stoppable = given as {
    controller?: { abort?: unknown; signal?: AbortSignal };
    destroy?: () => unknown;
  };
  return {
    response: undefined,
    next: () => iterator.next(),
    cancel: () => {
      // A generator's return() waits for the next chunk; these do not.
      const { controller } = stoppable;
      abandon(() => typeof controller?.abort === "function" && controller.abort());
      abandon(() => stoppable.destroy?.());
      abandon(() => iterator.return?.());
    },
    aborted: () => stoppable.controller?.signal?.aborted === true,
  };
}

const emptyBody: Omit<Opened, "response"> = {
  next: () => ({ done: true, value: undefined }),
  cancel: ignore,
  aborted: () => false,
};

/** @throws {SseError} `invalid-argument` */
function open(given: unknown): Opened {
  const shape = Object(given) as Record<PropertyKey, unknown>;
  if (isResponse(shape)) {
    const { body } = given as ResponseLike;
    return { ...(body === null ? emptyBody : open(body)), response: given as ResponseLike };
  }
  if (typeof shape.getReader === "function") {
    if (shape.locked !== true) return openWeb(given as ReadableStream<unknown>);
    throw new SseError("invalid-argument", "the stream is locked: something reads it already.");
  }
  if (shape.ended === true) {
    const hint = "hand the SDK's stream helper over before waiting for anything else";
    throw new SseError("invalid-argument", `the stream has ended already; ${hint}.`);
  }
  const readable = Symbol.asyncIterator in shape || Symbol.iterator in shape;
  if (readable && typeof given !== "string") return openIterable(given as object);
  throw new SseError(
    "invalid-argument",
    `cannot read a model's answer from ${describe(given)}; expected a provider's stream, a fetch Response, a ReadableStream or an (async) iterable.`,
  );
}

function isPromise(given: unknown): given is PromiseLike<unknown> {
  const shape = Object(given) as Record<PropertyKey, unknown>;
  return typeof shape.then === "function" && !(Symbol.asyncIterator in shape);
}

/**
 * A source under way. `next` settles at once when the feed is stopped, whatever the source does:
 * it is the source that is left behind then, not the reader.
 */
export class Feed {
  #opened: Opened | undefined;
  #promise: PromiseLike<unknown> | undefined;
  #waiting: ((fed: Fed) => void) | undefined;
  #stopped: Fed | undefined;
  #exhausted = false;
  #released = false;
  readonly #signal: AbortSignal | undefined;
  readonly #onAbort = (): void => {
    this.#stop({ type: "abort", reason: this.#signal?.reason });
  };

  /** @throws {SseError} `invalid-argument` for what cannot be read */
  constructor(source: unknown, signal: AbortSignal | undefined) {
    this.#signal = signal;
    if (isPromise(source)) this.#promise = source;
    else this.#opened = open(source);
    if (signal?.aborted) this.#onAbort();
    else signal?.addEventListener("abort", this.#onAbort);
  }

  /** Of a source that is a `Response`, once `next` has settled. */
  get response(): ResponseLike | undefined {
    return this.#opened?.response;
  }

  next(): Promise<Fed> {
    if (this.#stopped) return Promise.resolve(this.#stopped);
    return new Promise((resolve) => {
      this.#waiting = resolve;
      this.#advance().then(
        (fed) => this.#settle(fed),
        (error) => this.#settle({ type: "error", error }),
      );
    });
  }

  /** Nothing more is wanted, unless the feed was released. */
  close(): void {
    if (!this.#released) this.#stop(closed);
  }

  /**
   * The answer is whole. What may still come (a last line, the end of the HTTP body) is read apart,
   * for a short time, so that the connection to the provider can be used again.
   */
  release(): void {
    if (this.#stopped || this.#exhausted) {
      this.close();
      return;
    }
    this.#released = true;
    this.#signal?.removeEventListener("abort", this.#onAbort);
    const timer: unknown = setTimeout(() => this.#stop(closed), drainTime);
    (timer as { unref?: () => void }).unref?.();
    void this.#drain().then(() => {
      clearTimeout(timer as number);
      this.#stop(closed);
    });
  }

  async #drain(): Promise<void> {
    for (let chunks = 0; chunks < drainChunks; chunks++) {
      if ((await this.next()).type !== "chunk") return;
    }
  }

  async #advance(): Promise<Fed> {
    if (this.#promise) {
      const promise = this.#promise;
      this.#promise = undefined;
      await this.#arrive(promise);
    }
    const opened = this.#opened as Opened;
    const { done, value } = await opened.next();
    if (!done) return { type: "chunk", chunk: value };
    this.#exhausted = true;
    return { type: "end", aborted: opened.aborted() };
  }

  async #arrive(promise: PromiseLike<unknown>): Promise<void> {
    this.#opened = open(await promise);
    if (this.#stopped) this.#opened.cancel();
  }

  #settle(fed: Fed): void {
    if (fed.type === "error") this.#exhausted = true;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.(fed);
  }

  #stop(fed: Fed): void {
    if (this.#stopped) return;
    this.#stopped = fed;
    this.#signal?.removeEventListener("abort", this.#onAbort);
    if (!this.#exhausted) this.#abandonSource(fed);
    this.#settle(fed);
  }

  #abandonSource(fed: Fed): void {
    this.#opened?.cancel(fed.type === "abort" ? fed.reason : undefined);
    if (!this.#promise) return;
    // Nobody waits for the promised source any more, but it is to be stopped when it comes.
    const promise = this.#promise;
    this.#promise = undefined;
    this.#arrive(promise).catch(ignore);
  }
}

import { SseError } from "../errors.js";
import type { Part } from "../streaming/parts.js";
import type { Decoder, DecoderClass } from "./decoder.js";
import { isObject, type JsonObject } from "./json.js";
import { Outlet } from "./outlet.js";
import { bodyFailure, failure, isAbort, thrownFailure } from "./provider-error.js";
import { type Fed, Feed, type ProviderSource, type ResponseLike } from "./source.js";
import { EventChunks } from "./sse.js";

export interface ReaderOptions {
  /** Ends the answer with an `abort` part, at once, and stops the source. */
  signal?: AbortSignal;
  /**
   * The longest event, and the longest tool arguments of one answer together, in characters; more
   * ends the answer with the error `too-large`. Defaults to 16 Mi (16 777 216).
   */
  maxEventChars?: number;
}

/** The parts of an answer. `return()` stops the source at once, also while `next()` is pending. */
export type PartReader = AsyncGenerator<Part, void, undefined>;

const defaultMaxEventChars = 16 * 1024 * 1024;

/** One answer under way: takes chunks of any kind and leads them to the decoder. */
class Reading {
  readonly outlet = new Outlet();
  readonly #decoder: Decoder;
  readonly #maxEventChars: number;
  #events: EventChunks | undefined;
  #response: ResponseLike | undefined;

  constructor(Decode: DecoderClass, maxEventChars: number) {
    this.#maxEventChars = maxEventChars;
    this.#decoder = new Decode(this.outlet, { maxArguments: maxEventChars });
  }

  /** Never throws: whatever is wrong with what was fed becomes the terminal part. */
  take(fed: Fed, response: ResponseLike | undefined): void {
    this.#response = response;
    try {
      if (fed.type === "chunk") this.#chunk(fed.chunk);
      else this.#end(fed);
    } catch (error) {
      this.outlet.fail(failure("invalid-chunk", "a chunk cannot be read", { cause: error }));
    }
  }

  /** The parts so far. After an `invalid-chunk`, those that came before it are good. */
  parts(): Part[] {
    return this.outlet.take();
  }

  #chunk(chunk: unknown): void {
    if (ArrayBuffer.isView(chunk)) {
      const { buffer, byteOffset, byteLength } = chunk;
      this.#eventChunks().bytes(new Uint8Array(buffer, byteOffset, byteLength));
    } else if (chunk instanceof ArrayBuffer) this.#eventChunks().bytes(new Uint8Array(chunk));
    else if (typeof chunk === "string") this.#eventChunks().text(chunk);
    else if (isObject(chunk)) this.#object(chunk);
  }

  #object(chunk: JsonObject): void {
    if (!this.outlet.ended) this.#decoder.chunk(chunk);
  }

  #eventChunks(): EventChunks {
    this.#events ??= new EventChunks(
      {
        chunk: (chunk) => this.#object(chunk),
        done: () => this.#finish(),
        body: (text) => this.outlet.fail(bodyFailure(text, this.#response ?? {})),
        fail: (code, message) => this.outlet.fail(failure(code, message)),
      },
      this.#maxEventChars,
      this.#response?.ok === false,
    );
    return this.#events;
  }

  #end(fed: Exclude<Fed, { type: "chunk" }>): void {
    const { outlet } = this;
    if (fed.type === "abort") {
      outlet.abort(reasonOf(fed.reason));
      return;
    }
    // The body of a failed request may be empty.
    if (this.#response?.ok === false) this.#eventChunks();
    this.#events?.end();
    // An answer that was whole before its connection was lost is whole.
    if (!outlet.ended) this.#decoder.end();
    if (outlet.ended) return;
    if (fed.type === "error" && !isAbort(fed.error)) {
      outlet.fail(thrownFailure(fed.error));
      return;
    }
    if (fed.type === "error" || fed.aborted) {
      outlet.abort(undefined);
      return;
    }
    this.#incomplete();
  }

  #finish(): void {
    if (this.outlet.ended) return;
    this.#decoder.end();
    this.#incomplete();
  }

  #incomplete(): void {
    const message = `the provider's stream ended before the answer did (no ${this.#decoder.missing})`;
    this.outlet.fail(failure("incomplete-stream", message));
  }
}

function reasonOf(reason: unknown): string | undefined {
  if (typeof reason === "string") return reason;
  return reason instanceof Error ? reason.message : undefined;
}

async function* run(feed: Feed, reading: Reading): PartReader {
  try {
    for (;;) {
      const fed = await feed.next();
      reading.take(fed, feed.response);
      const { ended } = reading.outlet;
      const parts = reading.parts();
      if (ended && parts.at(-1)?.type === "finish") feed.release();
      else if (ended) feed.close();
      for (const part of parts) yield part;
      if (ended) return;
    }
  } finally {
    feed.close();
  }
}

/**
 * Opens the source and returns the reader of its parts.
 *
 * @throws {SseError} `invalid-argument` for a source that cannot be read, `invalid-option`
 */
export function readWith(
  Decode: DecoderClass,
  source: ProviderSource,
  options: ReaderOptions = {},
): PartReader {
  const { signal, maxEventChars = defaultMaxEventChars } = options;
  if (!(maxEventChars >= 1)) {
    throw new SseError(
      "invalid-option",
      `maxEventChars is ${maxEventChars}; expected a number >= 1.`,
    );
  }
  const feed = new Feed(source, signal);
  const reader = run(feed, new Reading(Decode, maxEventChars));
  // A generator's own return() waits for a next() that is under way: for the provider, that is.
  const stop = reader.return.bind(reader);
  reader.return = (value) => {
    feed.close();
    return stop(value);
  };
  return reader;
}

import type { Readable } from "node:stream";
import { checkOptions, describe, SseError } from "./errors.js";
import { sourceOf } from "./source.js";

interface FeedOptions<Chunk> {
  /**
   * Makes of a chunk what is pushed; `undefined` skips it.
   *
   * Defaults to pushing the chunk itself. Bytes, whether chunks or made here, are pushed as text:
   * UTF-8, of which a character may be spread over chunks.
   */
  transform?: ((chunk: Chunk) => unknown) | undefined;
}

export interface StreamOptions<Chunk = unknown, Name extends string = string>
  extends FeedOptions<Chunk> {
  /**
   * Name of the events.
   *
   * Defaults to `"stream"`.
   */
  eventName?: Name | undefined;
}

export interface IterateOptions<Chunk = unknown, Name extends string = string>
  extends FeedOptions<Chunk> {
  /**
   * Name of the events.
   *
   * Defaults to `"iteration"`.
   */
  eventName?: Name | undefined;
}

/** What `stream()` reads: a Node or a web stream. */
export type StreamSource<Chunk> = Readable | ReadableStream<Chunk> | AsyncIterable<Chunk>;

/** Where chunks go. */
export interface Sink {
  push(data: unknown, eventName: string): unknown;
  /** Resolves when more can be pushed; undefined when it can be now. */
  ready(): Promise<void> | undefined;
  /** Calls back when nothing more can be pushed. Returns what takes this back. */
  onStop(callback: () => void): () => void;
}

const stopped = Symbol("stopped");

/** Settles as `promise` does, or with `stopped` if that comes first. */
class Race {
  isOver = false;
  #resolve: ((value: typeof stopped) => void) | undefined;

  stop(): void {
    this.isOver = true;
    this.#resolve?.(stopped);
  }

  // Not Promise.race(): a promise that outlives many races would keep something of each.
  run<T>(promise: PromiseLike<T>): Promise<T | typeof stopped> {
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      if (this.isOver) resolve(stopped);
      promise.then(resolve, reject);
    });
  }
}

/** Turns chunks into what is pushed. */
class Transformer<Chunk> {
  readonly #transform: ((chunk: Chunk) => unknown) | undefined;
  #decoder: TextDecoder | undefined;

  constructor(transform: ((chunk: Chunk) => unknown) | undefined) {
    if (transform !== undefined && typeof transform !== "function") {
      throw new SseError(
        "invalid-argument",
        `transform is ${describe(transform)}; it must be a function.`,
      );
    }
    this.#transform = transform;
  }

  /** The data in an array, or none. */
  next(chunk: Chunk): [unknown?] {
    const data = this.#transform ? this.#transform(chunk) : chunk;
    if (data instanceof Uint8Array) {
      this.#decoder ??= new TextDecoder("utf-8", { ignoreBOM: true });
      return some(this.#decoder.decode(data, { stream: true }));
    }
    return this.#transform && data === undefined ? [] : [data];
  }

  /** The rest of an unfinished character. */
  end(): [unknown?] {
    return some(this.#decoder?.decode() ?? "");
  }
}

function some(text: string): [string?] {
  return text === "" ? [] : [text];
}

/**
 * Pushes all chunks of `source`, as fast as `sink` takes them. When the sink stops, so does the
 * source: at once, though it may be busy with its next chunk.
 *
 * @returns A promise of whether all was pushed; it rejects with an error of the source.
 */
export async function feed<Chunk>(
  sink: Sink,
  given: unknown,
  options: StreamOptions<Chunk> | undefined,
  defaultName: string,
): Promise<boolean> {
  const { eventName, transform } = checkOptions(options) ?? {};
  const transformer = new Transformer(transform);
  const source = sourceOf<Chunk>(given);
  const race = new Race();
  const unsubscribe = sink.onStop(() => {
    race.stop();
    source.cancel();
  });
  try {
    return await pump(sink, source.next, eventName ?? defaultName, transformer, race);
  } catch (error) {
    if (race.isOver) return false;
    source.cancel(error);
    throw error;
  } finally {
    unsubscribe();
  }
}

async function pump<Chunk>(
  sink: Sink,
  next: () => IteratorResult<Chunk> | PromiseLike<IteratorResult<Chunk>>,
  eventName: string,
  transformer: Transformer<Chunk>,
  race: Race,
): Promise<boolean> {
  while (!race.isOver) {
    const pending = next();
    const result = "then" in pending ? await race.run(pending) : pending;
    if (result === stopped) return false;
    const data = result.done ? transformer.end() : transformer.next(result.value);
    if (data.length > 0) sink.push(data[0], eventName);
    if (result.done) return true;
    const ready = sink.ready();
    if (ready && (await race.run(ready)) === stopped) return false;
  }
  return false;
}

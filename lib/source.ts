import { Readable } from "node:stream";
import { describe, SseError } from "./errors.js";

/** Something to read chunks from, and to stop. */
export interface Source<Chunk> {
  next(): IteratorResult<Chunk> | PromiseLike<IteratorResult<Chunk>>;
  /** Nothing more is wanted. Does not wait for a `next` that is under way. */
  cancel(reason?: unknown): void;
}

function ignore(): void {}

/** Whatever comes of it is nobody's concern any more. */
function abandon(action: () => unknown): void {
  try {
    Promise.resolve(action()).catch(ignore);
  } catch {
    // As above.
  }
}

function fromWebStream<Chunk>(stream: ReadableStream<Chunk>): Source<Chunk> {
  const reader = stream.getReader();
  return {
    next: async () => {
      const result = await reader.read();
      if (result.done) reader.releaseLock();
      return result as IteratorResult<Chunk>;
    },
    cancel: (reason) => abandon(() => reader.cancel(reason)),
  };
}

function fromReadable<Chunk>(given: Readable): Source<Chunk> {
  const readable =
    Symbol.asyncIterator in given ? given : new Readable({ objectMode: true }).wrap(given);
  const iterator: AsyncIterator<Chunk> = readable[Symbol.asyncIterator]();
  return {
    next: () => iterator.next(),
    cancel: () => {
      // One that fails when it is destroyed has nobody left to tell.
      readable.on("error", ignore);
      readable.destroy();
      abandon(() => iterator.return?.());
    },
  };
}

function isAsync<Chunk>(
  iterable: Iterable<Chunk> | AsyncIterable<Chunk>,
): iterable is AsyncIterable<Chunk> {
  // A string is iterable, and no object.
  return Symbol.asyncIterator in Object(iterable);
}

function fromIterable<Chunk>(iterable: Iterable<Chunk> | AsyncIterable<Chunk>): Source<Chunk> {
  const iterator = isAsync(iterable)
    ? iterable[Symbol.asyncIterator]()
    : awaited(iterable[Symbol.iterator]());
  return {
    next: () => iterator.next(),
    cancel: () => {
      // The streams of providers' SDKs are generators, whose return() waits for the next chunk.
      const { controller } = iterable as { controller?: unknown };
      if (controller instanceof AbortController) controller.abort();
      abandon(() => iterator.return?.());
    },
  };
}

/** Waits for values that are promises, as `for await` does. */
function awaited<Chunk>(iterator: Iterator<Chunk>): {
  next(): IteratorResult<Chunk> | PromiseLike<IteratorResult<Chunk>>;
  return?(): unknown;
} {
  return {
    next: () => {
      const { done, value } = iterator.next();
      const isPromise = !done && typeof value === "object" && value !== null && "then" in value;
      if (!isPromise) return { done, value } as IteratorResult<Chunk>;
      return Promise.resolve(value as Chunk).then((settled) => ({ done: false, value: settled }));
    },
    return: () => iterator.return?.(),
  };
}

/**
 * @throws {SseError} `invalid-argument` for what cannot be read
 */
export function sourceOf<Chunk>(given: unknown): Source<Chunk> {
  const shape = Object(given) as Partial<Readable & ReadableStream<Chunk> & AsyncIterable<Chunk>>;
  if (typeof shape.getReader === "function") return fromWebStream(given as ReadableStream<Chunk>);
  if (typeof shape.pipe === "function" && typeof shape.on === "function") {
    return fromReadable(given as Readable);
  }
  if (Symbol.asyncIterator in shape || Symbol.iterator in shape) {
    return fromIterable(given as AsyncIterable<Chunk>);
  }
  throw new SseError(
    "invalid-argument",
    `cannot read from ${describe(given)}; expected a Node Readable, a ReadableStream or an (async) iterable.`,
  );
}

import { sizeOf } from "./log-pages.js";
import type { RawEntry, ReadStream } from "./stream-reader.js";

/** Entries of each stream that one read may bring, and the bytes of all, about. */
const mostEntries = 512;
const mostBytes = 4 << 20;
/** What an entry takes of a stream that nothing was read of yet: so the first reads are small. */
const firstSize = 16 * 1024;
/** Those of which more is known to wait are asked for so many at least. */
const leastBehind = 16;

/** What to ask for. */
export interface Read {
  readonly streams: readonly ReadStream[];
  /** Of each stream, at most. */
  readonly count: number;
  /** Whether to wait for entries. */
  readonly waits: boolean;
}

/**
 * How much to read at once, by what entries took before: about so many bytes, or one entry of each stream.
 * Reads of all streams and of those of which more waits take turns. Each of the latter is asked once before
 * all are again, in the order in which it was found: so none keeps others waiting for long.
 */
export class ReadPlan {
  /** Bytes of an entry, about. */
  readonly #sizes = new WeakMap<ReadStream, number>();
  #behind: ReadStream[] = [];

  /** @param streams all that can be read */
  next(streams: ReadonlySet<ReadStream>): Read {
    const behind = this.#nextBehind(streams);
    if (behind.length > 0) return { streams: behind, count: this.#countOf(behind), waits: false };
    const all = [...streams];
    return { streams: all, count: this.#countOf(all), waits: true };
  }

  /** Takes note of what a stream gave. */
  note(stream: ReadStream, entries: readonly RawEntry[], { count, waits }: Read): void {
    if (entries.length === 0) return;
    const bytes = entries.reduce((sum, [, fields]) => sum + sizeOf(fields), 0) / entries.length;
    const before = this.#sizes.get(stream) ?? bytes;
    // It grows at once, and shrinks by halves.
    this.#sizes.set(stream, Math.max(bytes, (before + bytes) / 2));
    if (waits && entries.length === count && count < mostEntries) this.#behind.push(stream);
  }

  #nextBehind(streams: ReadonlySet<ReadStream>): ReadStream[] {
    this.#behind = this.#behind.filter((stream) => streams.has(stream));
    let bytes = 0;
    const isTooMuch = (stream: ReadStream) => {
      bytes += leastBehind * this.#sizeOf(stream);
      return bytes > mostBytes;
    };
    const end = this.#behind.findIndex(isTooMuch);
    return this.#behind.splice(0, end < 0 ? this.#behind.length : Math.max(1, end));
  }

  #countOf(streams: readonly ReadStream[]): number {
    const bytes = streams.reduce((sum, stream) => sum + this.#sizeOf(stream), 0);
    return Math.min(mostEntries, Math.max(1, Math.floor(mostBytes / bytes)));
  }

  #sizeOf(stream: ReadStream): number {
    return this.#sizes.get(stream) ?? firstSize;
  }
}

import type { LogPosition, NumberedEntry } from "../backplane.js";
import type { LogPage } from "../history/log.js";
import { unlessAborted } from "./settled.js";
import { beforeAll, compareIds, isStreamId } from "./stream-id.js";
import type { RawEntry } from "./stream-reader.js";
import { Turns } from "./turns.js";

/** What a page has: entries at most, and bytes about. */
const mostEntries = 256;
const mostBytes = 256 * 1024;
/** What is asked for at least: the entry that was asked about comes again, and others may be foreign. */
const leastEntries = 4;
/** Reads of a stream that are under way at the same time. */
const mostReads = 16;

/** Entries that were read, and whether there were no more. */
interface Range {
  readonly raw: readonly RawEntry[];
  readonly isEnd: boolean;
}

/** A page of a stream. */
export interface NumberedPage extends LogPage {
  readonly entries: readonly NumberedEntry[];
}

/** How entries are asked for. */
export interface PagesLink {
  readonly isReady: boolean;
  ask(command: string, ...args: (string | number)[]): Promise<unknown>;
}

/**
 * What was written to a stream before, by pages: a session that comes back takes them no faster than its
 * client does, and keeps one meanwhile.
 */
export class LogPages {
  readonly #stream: string;
  readonly #link: PagesLink;
  readonly #turns = new Turns(mostReads);
  /** How many entries are asked for: about as many as a page may have, by what the last ones took. */
  #count = mostEntries;

  constructor(stream: string, link: PagesLink) {
    this.#stream = stream;
    this.#link = link;
  }

  /** What follows the entry with this id; nothing when there is none that a channel wrote. */
  async after(since: string, signal?: AbortSignal): Promise<LogPage | undefined> {
    if (!isStreamId(since)) return undefined;
    const range = await this.#range(since, signal);
    const [found] = range.raw;
    const first = found?.[0] === since ? entryOf(found) : undefined;
    if (!first) return undefined;
    const entries = await this.#fill(range, 1, signal);
    const [next] = entries;
    if (!next || next.number === first.number + 1) return { entries };
    return { entries, gap: { reason: "evicted", oldest: next.id } };
  }

  /** What there is, though the client got something else last. `end` is the id of the last entry that was read. */
  async oldest(since: string | null, end: string, signal?: AbortSignal): Promise<NumberedPage> {
    const entries = await this.#fill(await this.#range("-", signal), 0, signal);
    if (since === null) return { entries };
    const oldest = entries[0]?.id ?? null;
    const isOld = isStreamId(since) && compareIds(since, oldest ?? end) < 0;
    return { entries, gap: { reason: isOld ? "evicted" : "unknown", oldest } };
  }

  /** The place before the first entry of that time of Redis, in ms, or later; nothing when there is none. */
  async before(time: number): Promise<LogPosition | undefined> {
    const [first] = await this.#fill(await this.#range(String(time)), 0);
    if (!first) return undefined;
    const range = [this.#stream, `(${first.id}`, "-", "COUNT", 1];
    const [last] = (await this.#link.ask("xrevrange", ...range)) as RawEntry[];
    return { id: last?.[0] ?? beforeAll, number: first.number - 1 };
  }

  #range(from: string, signal?: AbortSignal): Promise<Range> {
    const range = this.#turns.run(async () => {
      // The client would keep it for later, each of many.
      if (!this.#link.isReady) throw new Error("Redis cannot be reached");
      const count = this.#count;
      const range = [this.#stream, from, "+", "COUNT", count];
      const raw = (await this.#link.ask("xrange", ...range)) as RawEntry[];
      const bytes = raw.reduce((sum, entry) => sum + sizeOf(entry[1]), 0);
      const fitting = Math.floor((mostBytes * raw.length) / Math.max(1, bytes));
      if (raw.length > 0) this.#count = Math.min(mostEntries, Math.max(leastEntries, fitting));
      return { raw, isEnd: raw.length < count };
    }, signal);
    // Of a Redis that hangs the turn lasts on: it is not asked ever more.
    return signal ? unlessAborted(range, signal) : range;
  }

  /** The entries from `at` on, up to the first hole; of the next page where this one has none. */
  async #fill(range: Range, at: number, signal?: AbortSignal): Promise<NumberedEntry[]> {
    const raw = range.raw.slice(at);
    const entries = raw.map(entryOf).filter((entry) => entry !== undefined);
    const last = range.raw.at(-1)?.[0];
    if (entries.length > 0 || range.isEnd) return entries.slice(0, endOf(entries));
    return this.#fill(await this.#range(`(${last}`, signal), 0, signal);
  }
}

/** How many of the entries follow each other, and are not too much. */
function endOf(entries: readonly NumberedEntry[]): number {
  let bytes = 0;
  const end = entries.findIndex(({ name, data, number }, index) => {
    bytes += name.length + data.length;
    if (index === 0) return false;
    return bytes > mostBytes || number !== (entries[index - 1] as NumberedEntry).number + 1;
  });
  return end < 0 ? entries.length : end;
}

/** What an entry's names and values take, about. */
export function sizeOf(fields: readonly string[] | null): number {
  return (fields ?? []).reduce((sum, field) => sum + field.length, 0);
}

/** An entry as a channel wrote it; nothing for one of another shape. */
export function entryOf([id, fields]: RawEntry): NumberedEntry | undefined {
  if (fields?.length !== 6) return undefined;
  const [n, number, e, name, d, data] = fields as [string, string, string, string, string, string];
  if (n !== "n" || e !== "e" || d !== "d" || !/^[1-9]\d{0,15}$/.test(number)) return undefined;
  return { id, number: Number(number), name, data };
}

import { clearTimeout, setTimeout } from "node:timers";
import type {
  BackplaneLog,
  LogPosition,
  LogReceiver,
  LogStats,
  NumberedEntry,
  Presence,
} from "../backplane.js";
import { describe, SseError, warn } from "../errors.js";
import type { LogPage } from "../history/log.js";
import { entryOf, LogPages, type NumberedPage } from "./log-pages.js";
import { type Batch, type Budget, isFinal, LogWriter, type WriterLink } from "./log-writer.js";
import { beforeAll, compareIds } from "./stream-id.js";
import type { LogEnd, RawEntry, ReadStream } from "./stream-reader.js";

/** How long to wait when the engine is too far behind to take an entry, in ms. */
const overloadedPause = 10;
/** When it is tried again to read a page, in ms, and for how long. */
const readPause = 200;
const longestRead = 60_000;

/** Where in Redis a log is. */
export interface LogKeys {
  readonly stream: string;
  /** Of the number of its last entry. */
  readonly number: string;
  /** Of what this process wrote last. */
  readonly producer: string;
  readonly presence: string;
  /** Made from the channel's name, to tell its ids from those of other channels. */
  readonly idKind: number;
}

/** What the log of one channel has of the backplane. */
export interface LogShare {
  readonly isReady: boolean;
  append(log: RedisLog, batch: Batch): Promise<unknown>;
  /** Asks for `writer.flush()` at the end of this turn. */
  schedule(writer: LogWriter): void;
  /** Sends one command over the application's client. */
  ask(command: string, ...args: (string | number)[]): Promise<unknown>;
  readonly isConnected: boolean;
  /** Whether the application has closed its client. */
  readonly isEnded: boolean;
  presence(log: RedisLog): Promise<Presence>;
  countChanged(log: RedisLog): void;
  /** Follows no longer. */
  leave(log: RedisLog): Promise<void>;
}

/** The log of one channel: a stream of Redis. */
export class RedisLog implements BackplaneLog, ReadStream {
  readonly keys: LogKeys;
  readonly receiver: LogReceiver;
  readonly writer: LogWriter;
  readonly #share: LogShare;
  readonly #pages: LogPages;
  #position: LogPosition | undefined;
  /** Of the last entry that was read, those that no channel wrote included. */
  #cursor = beforeAll;
  #foreign = 0;
  #isClosed = false;
  /** The number of the log's last entry, when it was found empty at first. */
  #emptyAt: number | undefined;
  /** Whether it has been told that Redis cannot be reached. */
  #isAway = false;
  /** Since when there are sessions, if that was before it was known where the log ends. */
  #awaitedSince: number | undefined;
  readonly #mostReadTime: number;

  /** @param mostReadTime for how long it is tried to read a page, in ms */
  constructor(
    keys: LogKeys,
    receiver: LogReceiver,
    budget: Budget,
    share: LogShare,
    mostReadTime = longestRead,
  ) {
    this.keys = keys;
    this.#mostReadTime = mostReadTime;
    this.receiver = receiver;
    this.#share = share;
    this.#pages = new LogPages(keys.stream, share);
    const link: WriterLink = {
      get isReady() {
        return share.isReady;
      },
      append: (batch) => share.append(this, batch),
      schedule: () => share.schedule(this.writer),
      onFailure: (error) => receiver.onError(error),
    };
    this.writer = new LogWriter(link, budget);
  }

  get cursor(): string {
    return this.#cursor;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  append(name: string, data: string): void {
    if (this.#isClosed) throw closed();
    if (this.#share.isEnded) throw ended();
    this.writer.append(name, data);
  }

  published(): Promise<void> {
    return this.writer.published();
  }

  async take(entries: readonly RawEntry[]): Promise<void> {
    for (const raw of entries) {
      const entry = entryOf(raw);
      if (entry) await this.#deliver(entry);
      else this.#foreign += 1;
      if (this.#isClosed) return;
      this.#cursor = raw[0];
    }
  }

  end(end: LogEnd | Error): void {
    if (end instanceof Error) {
      this.receiver.onError(unreadable(end));
      return;
    }
    this.#isAway = false;
    if (this.#position && !this.#isLost(end, this.#position)) return;
    const position = { id: end.id, number: end.number };
    // What throws is told again at the next look.
    this.receiver.onPosition(position);
    // Later on, who left it empty may have left the one before.
    this.#emptyAt = !this.#position && end.id === beforeAll ? end.number : undefined;
    this.#cursor = end.id;
    this.#position = position;
  }

  /** Where to begin: before what others have appended since sessions wait for it, else at the end. */
  async startOf(end: LogEnd): Promise<LogEnd> {
    if (this.#awaitedSince === undefined) return end;
    const from = Math.max(0, Math.floor(end.time - (performance.now() - this.#awaitedSince)));
    if (Number.parseInt(end.id, 10) < from) return end;
    return { ...end, ...(await this.#pages.before(from)) };
  }

  async read(since: string | null, signal?: AbortSignal): Promise<LogPage> {
    // Redis may be away, or hang; and those who come and go meanwhile would each ask for another minute.
    const over = new AbortController();
    const stop = () => over.abort(signal?.reason);
    const late = new Error(`no answer within ${this.#mostReadTime} ms`);
    const timer = setTimeout(() => over.abort(late), this.#mostReadTime).unref();
    signal?.addEventListener("abort", stop);
    if (signal?.aborted) stop();
    try {
      return await this.#readPage(since, over.signal);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", stop);
    }
  }

  countChanged(): void {
    const isAwaited = !this.#position && this.receiver.sessionCount() > 0;
    if (isAwaited) this.#awaitedSince ??= performance.now();
    this.#share.countChanged(this);
  }

  async presence(): Promise<Presence> {
    if (this.#isClosed) throw closed();
    try {
      return await this.#share.presence(this);
    } catch (cause) {
      throw uncounted(cause);
    }
  }

  stats(): LogStats {
    const { isConnected } = this.#share;
    return { isConnected, queued: this.writer.size, foreign: this.#foreign };
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    await this.writer.end();
    this.#isClosed = true;
    this.writer.fail(closed());
    await this.#share.leave(this);
  }

  /** What waits to be written will not be. */
  giveUp(error: SseError): void {
    this.writer.fail(error);
  }

  /** Redis cannot be reached. */
  away(error: SseError): void {
    if (this.#isAway) return;
    this.#isAway = true;
    this.receiver.onError(error);
  }

  /** It could not be found out where the log ends; it is tried again. */
  cannotStart(cause: unknown): void {
    if (!isFinal(cause)) return;
    const error = unreadable(cause);
    this.writer.fail(error);
    this.receiver.onError(error);
  }

  /** Tries until it is over. */
  async #readPage(since: string | null, over: AbortSignal): Promise<LogPage> {
    for (;;) {
      try {
        const next = since === null ? undefined : await this.#pages.after(since, over);
        if (next) return next;
        const page = await this.#pages.oldest(since, this.#cursor, over);
        return since === beforeAll && this.#isWhole(page) ? { entries: page.entries } : page;
      } catch (cause) {
        if (this.#isClosed) throw closed();
        if (isFinal(cause) || over.aborted) throw unreadable(cause);
        await pause(readPause);
        if (over.aborted) throw unreadable(cause);
      }
    }
  }

  /** Whether the page begins with the first entry since the log was empty. */
  #isWhole({ entries: [first] }: NumberedPage): boolean {
    const before = first ? first.number - 1 : this.#position?.number;
    return before !== undefined && before === this.#emptyAt;
  }

  /** Whether what comes after the end does not follow on the entry that was read last. */
  #isLost(end: LogEnd, { number }: LogPosition): boolean {
    // All that there was may be gone, as nothing came for so long: by the number, if all was read.
    if (end.length === 0) return end.number !== number;
    // Redis was emptied, or has lost what it had: an older copy took its place.
    return compareIds(end.id, this.#cursor) < 0;
  }

  async #deliver(entry: NumberedEntry): Promise<void> {
    for (;;) {
      try {
        this.receiver.onEntry(entry);
        break;
      } catch (error) {
        if ((error as { code?: unknown }).code !== "overloaded") {
          warn("a channel failed to deliver what was broadcast", error);
          break;
        }
        if (this.#isClosed) return;
        await pause(overloadedPause);
      }
    }
    this.#position = entry;
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}

export function closed(): SseError {
  return new SseError("closed", "the channel's backplane was closed; nothing was sent.");
}

export function ended(): SseError {
  const message =
    "the client of Redis was closed; nothing was sent. Keep it open while channels use it.";
  return new SseError("backplane-unavailable", message);
}

function uncounted(cause: unknown): SseError {
  const why = cause instanceof Error ? cause.message : describe(cause);
  const message = `the channel's sessions cannot be counted in Redis: ${why}. Ask again later.`;
  return new SseError("backplane-unavailable", message, { cause });
}

function unreadable(cause: unknown): SseError {
  const why = cause instanceof Error ? cause.message : describe(cause);
  const message = `the channel's stream in Redis cannot be read: ${why}. It is tried again.`;
  return new SseError("backplane-unavailable", message, { cause });
}

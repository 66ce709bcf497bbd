import { clearTimeout, setTimeout } from "node:timers";
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import { blockingConnection, keyPrefixOf, type RedisClient } from "./client.js";
import { type Entry, isAfter } from "./generation-store-entries.js";
import { wakeReader } from "./generation-store-scripts.js";

/** The most entries of a stream that one command reads. */
const mostEntries = 100;
/** What timers take, in ms. */
const longestTimer = 2 ** 31 - 1;
/** From so many streams on, those that have something new are gathered for a while. */
const manyStreams = 64;

export interface ReaderOptions {
  /** The key of the stream that wakes this reader and tells it what to stop. */
  control: string;
  /** After how many ms without an answer of Redis those who wait are told. */
  patience: number;
  /** For how many ms new entries of many streams are gathered. */
  gatherMs: number;
  /** Called with a run that somebody wants to stop. */
  onStop: (run: string) => void;
}

interface Waiting {
  entry: string;
  resolve(entries: readonly Entry[]): void;
  reject(error: unknown): void;
}

/**
 * The one connection over which a store's process reads streams as they grow: one command blocks on
 * all that are waited for, whatever waits. It is open while somebody waits or holds it.
 */
export class RunReader {
  readonly #client: RedisClient;
  readonly #options: ReaderOptions;
  readonly #waiting = new Map<string, Set<Waiting>>();
  #holders = 0;
  #connection: RedisClient | undefined;
  #isBlocked = false;
  #isWoken = false;
  #controlEntry = "0-0";
  /** When Redis answered last, by `performance.now()`; 0 while there is no connection. */
  #heardAt = 0;

  constructor(client: RedisClient, options: ReaderOptions) {
    this.#client = client;
    this.#options = options;
  }

  /** Hears of stops until `release`. */
  hold(): void {
    this.#holders++;
    this.#open();
  }

  release(): void {
    this.#holders--;
    this.#closeUnused();
  }

  /**
   * The entries of a stream behind one of them, as soon as there are any; none when the signal
   * aborts, or after so many ms. Rejects when Redis has not answered for a while.
   */
  async next(
    key: string,
    entry: string,
    { signal, ms }: { signal: AbortSignal; ms: number },
  ): Promise<readonly Entry[]> {
    if (signal.aborted) return [];
    let stop = (): void => {};
    const waiting = { entry } as Waiting;
    const entries = new Promise<readonly Entry[]>((resolve, reject) => {
      waiting.resolve = resolve;
      waiting.reject = reject;
      stop = () => resolve([]);
    });
    const timer = setTimeout(stop, Math.min(ms, longestTimer)).unref();
    signal.addEventListener("abort", stop);
    this.#add(key, waiting);
    try {
      return await entries;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", stop);
      this.#remove(key, waiting);
      if (signal.aborted) this.#closeUnused();
    }
  }

  #add(key: string, waiting: Waiting): void {
    const all = this.#waiting.get(key) ?? new Set();
    this.#waiting.set(key, all.add(waiting));
    this.#open();
    if (!this.#isBlocked || this.#isWoken) return;
    this.#isWoken = true;
    // When that fails, the command that blocks ends by itself.
    wakeReader.run(this.#client, [this.#options.control], []).catch(() => {});
  }

  #remove(key: string, waiting: Waiting): void {
    const all = this.#waiting.get(key);
    all?.delete(waiting);
    if (all?.size === 0) this.#waiting.delete(key);
  }

  get #isUsed(): boolean {
    return this.#waiting.size > 0 || this.#holders > 0;
  }

  #open(): void {
    if (this.#connection) return;
    this.#connection = blockingConnection(this.#client);
    if (this.#heardAt === 0) this.#heardAt = performance.now();
    this.#client.on("end", this.#onClientEnd);
    void this.#run(this.#connection);
  }

  #closeUnused(): void {
    if (this.#isUsed) return;
    this.#connection?.disconnect();
    this.#connection = undefined;
    this.#heardAt = 0;
    this.#client.off("end", this.#onClientEnd);
  }

  /** Whoever closes the client wants no connection of ours either. */
  #onClientEnd = (): void => {
    this.#rejectAll(new Error("the client was closed"));
    this.#connection?.disconnect();
  };

  async #run(connection: RedisClient): Promise<void> {
    for (let failures = 0; this.#connection === connection; ) {
      try {
        await this.#round(connection);
        failures = 0;
        this.#heardAt = performance.now();
      } catch (error) {
        if (this.#connection !== connection) return;
        this.#fail(error);
        failures++;
      }
      // Those who go on reading are back by then.
      await this.#pause(failures);
      if (this.#connection !== connection) return;
      this.#closeUnused();
      if (connection.status === "end") this.#reopen();
    }
  }

  /** A `retryStrategy` can give up; the client, which is the user's, may have come back. */
  #reopen(): void {
    if (!this.#isUsed) return;
    this.#client.off("end", this.#onClientEnd);
    this.#connection = undefined;
    // Should the application connect its client again, whoever waits next has this opened.
    if (this.#client.status === "end") this.#heardAt = 0;
    else this.#open();
  }

  async #pause(failures: number): Promise<void> {
    if (failures > 0) await sleep(Math.min(50 * failures, 1000), undefined, { ref: false });
    else if (this.#waiting.size < manyStreams) await nextTurn();
    else await sleep(this.#options.gatherMs, undefined, { ref: false });
  }

  #fail(error: unknown): void {
    const isEnd = this.#client.status === "end";
    const silence = performance.now() - this.#heardAt;
    if (isEnd || silence >= this.#options.patience) this.#rejectAll(error);
  }

  #rejectAll(error: unknown): void {
    for (const all of this.#waiting.values()) for (const { reject } of all) reject(error);
  }

  /** Waits for something new, once. */
  async #round(connection: RedisClient): Promise<void> {
    const { control } = this.#options;
    const streams = new Map([[control, this.#controlEntry]]);
    for (const [key, all] of this.#waiting) streams.set(key, earliest(all));
    this.#isBlocked = true;
    this.#isWoken = false;
    try {
      const reply = await this.#read(connection, streams);
      for (const [key, entries] of reply) {
        if (key === control) this.#take(entries);
        else this.#deliver(key, entries);
      }
    } finally {
      this.#isBlocked = false;
    }
  }

  async #read(connection: RedisClient, streams: Map<string, string>) {
    const { patience } = this.#options;
    const block = Math.ceil(patience / 3);
    const args = ["BLOCK", block, "COUNT", mostEntries, "STREAMS"];
    const reading = connection.call("xread", ...args, ...streams.keys(), ...streams.values());
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      const expire = () => {
        // A connection can be dead without a word.
        (connection.disconnect as (reconnect: boolean) => void)(true);
        reject(new Error(`Redis did not answer within ${patience} ms`));
      };
      timer = setTimeout(expire, patience).unref();
    });
    try {
      return this.#named(await Promise.race([reading, late]));
    } finally {
      clearTimeout(timer);
    }
  }

  /** What Redis tells of streams: pairs, or an object where the client asks for maps as such. */
  #named(reply: unknown): [key: string, entries: readonly Entry[]][] {
    const pairs = Array.isArray(reply) ? reply : Object.entries(reply ?? {});
    const prefix = keyPrefixOf(this.#client).length;
    return pairs.map(([key, entries]) => [String(key).slice(prefix), entries]);
  }

  #take(entries: readonly Entry[]): void {
    for (const [id, [what, run = ""]] of entries) {
      this.#controlEntry = id;
      if (what === "stop") this.#options.onStop(run);
    }
  }

  #deliver(key: string, entries: readonly Entry[]): void {
    for (const { entry, resolve } of this.#waiting.get(key) ?? []) {
      const fresh = entries.filter(([id]) => isAfter(id, entry));
      if (fresh.length > 0) resolve(fresh);
    }
  }
}

function earliest(all: Set<Waiting>): string {
  let first: string | undefined;
  for (const { entry } of all) if (first === undefined || isAfter(first, entry)) first = entry;
  return first ?? "0-0";
}

import { autoId } from "../auto-id.js";
import { checkOptions } from "../errors.js";
import { wholeNumber } from "../options.js";
import { milliseconds } from "../streaming/generations/limits.js";
import { fromStore } from "../streaming/generations/recorder.js";
import type {
  GenerationInfo,
  GenerationLease,
  GenerationProducer,
  GenerationStore,
  StoredGeneration,
} from "../streaming/generations/store.js";
import type { Part } from "../streaming/parts.js";
import { checkClient, checkPrefix, type RedisClient } from "./client.js";
import {
  beginning,
  type Entry,
  MissingParts,
  type Place,
  partsOf,
} from "./generation-store-entries.js";
import { RedisLease } from "./generation-store-lease.js";
import { RunReader } from "./generation-store-reader.js";
import { createRun, findRun, type Keys, readRun, stopRun } from "./generation-store-scripts.js";

export interface RedisGenerationStoreOptions {
  /**
   * A client of `ioredis` 5.4 or later: a `Redis`, or a `Cluster`. It stays yours: how it connects,
   * how it tries again, and when it is closed.
   */
  client: RedisClient;
  /**
   * What all keys begin with. All servers of an application have the same, and other applications on
   * the same Redis another one.
   *
   * Defaults to `"stream-llm"`.
   */
  prefix?: string | undefined;
  /**
   * After how many ms without a word of its process a generation counts as lost, at least 100. The
   * process renews its lease three times in that time.
   *
   * Defaults to `15000`.
   */
  leaseMs?: number | undefined;
  /**
   * For how many ms the parts of a generation gather before they are sent to Redis in one command.
   * Who watches in the process that runs it gets them at once all the same.
   *
   * Defaults to `50`.
   */
  batchMs?: number | undefined;
  /**
   * How many bytes of parts are sent without waiting for `batchMs`.
   *
   * Defaults to `65536`, 64 KiB.
   */
  batchBytes?: number | undefined;
}

/** How many entries are read in one step, so that Redis serves others between. */
const pageEntries = 200;
/** A Cluster spreads the generations over so many slots; a process reads each by one connection. */
const clusterSlots = 16;

/** Keeps generations in Redis, for all processes that share it. See `redisGenerationStore`. */
export class RedisGenerationStore implements GenerationStore {
  readonly batchMs: number;
  readonly batchBytes: number;
  readonly #client: RedisClient;
  readonly #prefix: string;
  readonly #leaseMs: number;
  /** Names this store among all of all processes. */
  readonly #name = autoId();
  /** By slot. */
  readonly #readers = new Map<number, RunReader>();
  /** What is run through this store, by run. */
  readonly #producers = new Map<string, GenerationProducer>();
  /** How far those that are followed were read. */
  readonly #places = new WeakMap<GenerationInfo, Place>();
  #foreignEntries = 0;

  /** @throws {SseError} `invalid-option`, `invalid-argument` */
  constructor(options: RedisGenerationStoreOptions) {
    const given: Partial<RedisGenerationStoreOptions> = checkOptions(options) ?? {};
    const { client, prefix = "stream-llm", leaseMs = 15_000 } = given;
    const { batchMs = 50, batchBytes = 64 * 1024 } = given;
    checkClient(client);
    checkPrefix(prefix);
    this.#client = client;
    this.#prefix = prefix;
    this.#leaseMs = Math.ceil(milliseconds("leaseMs", leaseMs, 100));
    this.batchMs = milliseconds("batchMs", batchMs, 0);
    this.batchBytes = wholeNumber("batchBytes", batchBytes, 1);
  }

  /** How many entries of a foreign shape were found in generations' streams, and left out. */
  get foreignEntries(): number {
    return this.#foreignEntries;
  }

  async create(
    info: GenerationInfo,
    producer: GenerationProducer,
  ): Promise<GenerationLease | undefined> {
    const keys = this.#keysOf(info.id);
    const args = [info.run, JSON.stringify(info), this.#leaseMs, info.ttl, this.#name];
    const won = await createRun.run(this.#client, [keys.id, keys.runs], args);
    if (Number(won) !== 1) return undefined;
    const reader = this.#readerOf(info.id);
    const onOver = () => {
      this.#producers.delete(info.run);
      reader.release();
    };
    this.#producers.set(info.run, producer);
    reader.hold();
    return new RedisLease(info, producer, {
      client: this.#client,
      keys,
      leaseMs: this.#leaseMs,
      onOver,
    });
  }

  async find(id: string): Promise<StoredGeneration | undefined> {
    const { id: key, runs } = this.#keysOf(id);
    const found = (await findRun.run(this.#client, [key, runs], [])) as (string | null)[] | null;
    const [info, report] = found ?? [];
    const parsed: GenerationInfo | undefined = info ? JSON.parse(info) : undefined;
    // Ids that are not well-formed Unicode can have the same key.
    if (parsed?.id !== id) return undefined;
    return { info: parsed, report: report ? JSON.parse(report) : undefined };
  }

  async read(
    info: GenerationInfo,
    from: number,
    signal?: AbortSignal,
  ): Promise<readonly Part[] | undefined> {
    const place = this.#placeOf(info, from);
    // One that has just been read is only waited for.
    if (place.number < from || !signal || place.checkAt <= performance.now()) {
      const read = await this.#readAll(info, from, place);
      if (!read.isKept) return undefined;
      if (read.parts.length > 0 || read.isOver || !signal) return read.parts;
    }
    return this.#wait(info, place, signal);
  }

  async stop(info: GenerationInfo): Promise<boolean> {
    const { id, runs, control } = this.#keysOf(info.id);
    const isFirst = await stopRun.run(this.#client, [id, runs, control], [info.run]);
    return Number(isFirst) === 1;
  }

  /** What is there of a run now, from a part on, and whether that is all. */
  async #readAll(info: GenerationInfo, from: number, place: Place) {
    const { id, runs } = this.#keysOf(info.id);
    const parts: Part[] = [];
    for (;;) {
      const before = place.number;
      const args = [info.run, place.entry, pageEntries];
      const reply = await readRun.run(this.#client, [id, runs], args);
      const [isRunning, left, count, entries] = reply as [number, number, number, Entry[]];
      const page = this.#partsOf(entries, place);
      parts.push(...page.slice(Math.max(from - before, 0)));
      if (entries.length === pageEntries) continue;
      // A replica that took over can have fewer than were read.
      const isKept = Number(count) >= 0;
      if (isKept && Number(count) !== place.number) throw new MissingParts(place.number);
      const isOver = Number(isRunning) !== 1;
      place.checkAt = isOver ? 0 : performance.now() + Number(left) + 1;
      return { parts, isOver, isKept: isKept || parts.length > 0 };
    }
  }

  /** Waits for more of a run, and looks when its lease has run out whether there will be more. */
  async #wait(
    info: GenerationInfo,
    place: Place,
    signal: AbortSignal,
  ): Promise<readonly Part[] | undefined> {
    const { runs } = this.#keysOf(info.id);
    const reader = this.#readerOf(info.id);
    while (!signal.aborted) {
      const ms = Math.max(place.checkAt - performance.now(), 0);
      const entries = await reader.next(`${runs}${info.run}`, place.entry, { signal, ms });
      const parts = this.#partsOf(entries, place);
      if (parts.length > 0) return parts;
      if (signal.aborted || performance.now() < place.checkAt) continue;
      const read = await this.#look(info, place);
      if (!read) continue;
      if (!read.isKept) return undefined;
      if (read.parts.length > 0 || read.isOver) return read.parts;
    }
    return [];
  }

  /** What `#readAll` finds, or nothing while Redis does not answer. Rejects when that lasts. */
  async #look(info: GenerationInfo, place: Place) {
    const copy: Place = { ...place, silentSince: undefined };
    const since = place.silentSince ?? performance.now();
    try {
      const read = await fromStore(() => this.#readAll(info, copy.number, copy), this.#leaseMs);
      Object.assign(place, copy);
      return read;
    } catch (error) {
      const { cause } = error as Error;
      const isLong = performance.now() - since >= this.#leaseMs;
      if (isLong || cause instanceof MissingParts) throw cause;
      place.silentSince = since;
      place.checkAt = performance.now() + this.#leaseMs / 3;
      return undefined;
    }
  }

  #partsOf(entries: readonly Entry[], place: Place): Part[] {
    return partsOf(entries, place, () => {
      this.#foreignEntries++;
    });
  }

  /** Where to read on to get the parts from a number on. */
  #placeOf(info: GenerationInfo, from: number): Place {
    const known = this.#places.get(info);
    if (known && known.number <= from) return known;
    const place = beginning();
    this.#places.set(info, place);
    return place;
  }

  #keysOf(id: string): Keys {
    const tag = `${this.#prefix}:{${this.#slotOf(id)}}`;
    return { id: `${tag}:id:${id}`, runs: `${tag}:run:`, control: `${tag}:control:` };
  }

  #readerOf(id: string): RunReader {
    const slot = this.#slotOf(id);
    const known = this.#readers.get(slot);
    if (known) return known;
    const reader = new RunReader(this.#client, {
      control: `${this.#keysOf(id).control}${this.#name}`,
      patience: this.#leaseMs,
      gatherMs: this.batchMs,
      onStop: (run) => this.#producers.get(run)?.stop(),
    });
    this.#readers.set(slot, reader);
    return reader;
  }

  /** In a Cluster, one command reads the streams of one slot only. */
  #slotOf(id: string): number {
    if (!this.#client.isCluster) return 0;
    let hash = 0;
    for (let at = 0; at < id.length; at++) hash = (Math.imul(hash, 31) + id.charCodeAt(at)) | 0;
    return (hash >>> 0) % clusterSlots;
  }
}

/**
 * Keeps generations in Redis Streams, so that one that a server runs is watched, resumed and stopped
 * from all: `createGenerations({ store: redisGenerationStore({ client }) })`. Redis or Valkey, 6.2 or
 * later.
 *
 * A generation whose process dies ends for all who watch with the error `producer-lost`, within
 * `leaseMs`. What it takes of Redis does not grow with those who watch: a process has one connection
 * of its own for all that it follows, which is open while it runs or follows any.
 *
 * @throws {SseError} `invalid-option`
 */
export function redisGenerationStore(options: RedisGenerationStoreOptions): RedisGenerationStore {
  return new RedisGenerationStore(options);
}

import { clearTimeout, setTimeout } from "node:timers";
import { requireOption } from "../../options.js";
import type { Report } from "../accounting/index.js";
import { isTerminal, type Part } from "../parts.js";
import { partSize } from "./part-size.js";
import type {
  GenerationInfo,
  GenerationLease,
  GenerationProducer,
  GenerationStore,
  StoredGeneration,
} from "./store.js";

export interface MemoryStoreOptions {
  /**
   * How many bytes generations that have ended may take together; beyond, the oldest are dropped
   * before their time. Running ones are bounded by the limits of the generations.
   *
   * Defaults to 67 108 864, 64 MiB.
   */
  maxBytes?: number | undefined;
}

/** A run, and those who wait for more of it. */
class StoredRun implements StoredGeneration {
  readonly info: GenerationInfo;
  /** Until the end: what it ran with is not kept for the run's time. */
  producer: GenerationProducer | undefined;
  readonly parts: Part[] = [];
  report: Report | undefined;
  bytes = 0;
  ended = false;
  stopped = false;
  timer: NodeJS.Timeout | undefined;
  readonly #waiting = new Set<() => void>();

  constructor(info: GenerationInfo, producer: GenerationProducer) {
    this.info = info;
    this.producer = producer;
  }

  add(parts: readonly Part[]): void {
    for (const part of parts) {
      this.parts.push(part);
      this.bytes += partSize(part);
      this.ended ||= isTerminal(part);
    }
    if (this.ended) this.producer = undefined;
    this.wake();
  }

  wake(): void {
    for (const resolve of this.#waiting) resolve();
  }

  /** Resolves when there is more, or `signal` aborts. */
  async more(signal: AbortSignal): Promise<void> {
    let resolve = (): void => {};
    const woken = new Promise<void>((settle) => {
      resolve = settle;
    });
    this.#waiting.add(resolve);
    signal.addEventListener("abort", resolve);
    await woken;
    signal.removeEventListener("abort", resolve);
    this.#waiting.delete(resolve);
  }
}

/** Keeps generations in this process. Several `createGenerations` may share one. */
export class MemoryStore implements GenerationStore {
  readonly #maxBytes: number;
  readonly #runs = new Map<string, StoredRun>();
  /** Those that have ended, the oldest first. */
  readonly #ended = new Set<StoredRun>();
  #endedBytes = 0;

  /** @throws {SseError} `invalid-option` */
  constructor({ maxBytes = 64 * 1024 * 1024 }: MemoryStoreOptions = {}) {
    requireOption(maxBytes >= 0, "maxBytes", maxBytes, "a number of bytes, 0 or more");
    this.#maxBytes = maxBytes;
  }

  /** How many generations it holds. */
  get size(): number {
    return this.#runs.size;
  }

  async create(
    info: GenerationInfo,
    producer: GenerationProducer,
  ): Promise<GenerationLease | undefined> {
    const before = this.#runs.get(info.id);
    if (before && !before.ended) return undefined;
    if (before) this.#drop(before);
    const run = new StoredRun(info, producer);
    this.#runs.set(info.id, run);
    return {
      append: async (parts) => {
        run.add(parts);
        if (run.ended) this.#keep(run);
      },
      end: async (report) => {
        run.report = report;
      },
    };
  }

  async find(id: string): Promise<StoredGeneration | undefined> {
    return this.#runs.get(id);
  }

  async read(
    info: GenerationInfo,
    from: number,
    signal?: AbortSignal,
  ): Promise<readonly Part[] | undefined> {
    const run = this.#of(info);
    if (!run) return undefined;
    const isThere = run.parts.length > from || run.ended;
    if (signal && !isThere && !signal.aborted) await run.more(signal);
    return run.parts.slice(from);
  }

  async stop(info: GenerationInfo): Promise<boolean> {
    const run = this.#of(info);
    if (!run || run.ended || run.stopped) return false;
    run.stopped = true;
    run.producer?.stop();
    return true;
  }

  /** Drops all, also what is under way. */
  clear(): void {
    for (const run of [...this.#runs.values()]) {
      this.#drop(run);
      run.wake();
    }
  }

  #of({ id, run }: GenerationInfo): StoredRun | undefined {
    const kept = this.#runs.get(id);
    return kept?.info.run === run ? kept : undefined;
  }

  #keep(run: StoredRun): void {
    if (this.#runs.get(run.info.id) !== run) return;
    run.timer = setTimeout(() => this.#drop(run), run.info.ttl).unref();
    this.#ended.add(run);
    this.#endedBytes += run.bytes;
    for (const oldest of this.#ended) {
      if (this.#endedBytes <= this.#maxBytes) break;
      this.#drop(oldest);
    }
  }

  #drop(run: StoredRun): void {
    clearTimeout(run.timer);
    if (this.#ended.delete(run)) this.#endedBytes -= run.bytes;
    if (this.#runs.get(run.info.id) === run) this.#runs.delete(run.info.id);
  }
}

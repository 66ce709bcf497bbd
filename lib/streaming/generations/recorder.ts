import { clearTimeout, setTimeout } from "node:timers";
import { SseError } from "../../errors.js";
import type { Report } from "../accounting/index.js";
import type { ErrorPart, Part } from "../parts.js";
import { partSize } from "./part-size.js";
import type { GenerationLease, GenerationStore } from "./store.js";

/**
 * What the store makes of a call, or an error when that takes too long.
 *
 * @throws {SseError} `store-error`
 */
export async function fromStore<T>(call: () => Promise<T>, timeout: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  try {
    const late = new Promise<never>((_, reject) => {
      // Made when it is due: its stack would cost each token more than the store does.
      const expire = () => reject(new Error(`no answer within ${timeout} ms`));
      timer = setTimeout(expire, timeout).unref();
    });
    return await Promise.race([call(), late]);
  } catch (cause) {
    throw new SseError("store-error", `the store of the generations failed: ${cause}`, { cause });
  } finally {
    clearTimeout(timer);
  }
}

/** A cause is for this process only: it can be anything. */
function withoutCause({ cause: _, ...part }: ErrorPart): ErrorPart {
  return part;
}

export type BatchOptions = Pick<GenerationStore, "batchMs" | "batchBytes">;

/** Appends the parts of a run to its store, in batches, while the run goes on. */
export class Recorder {
  readonly #lease: GenerationLease;
  readonly #batchMs: number;
  readonly #batchBytes: number;
  readonly #timeout: number;
  readonly #onFailure: (error: unknown) => void;
  #pending: Part[] = [];
  #bytes = 0;
  /** Whether no more parts will join those that are there. */
  #ending = false;
  #flushing: Promise<void> | undefined;
  #failed = false;
  #hurry = (): void => {};

  /** @param timeout of each call of the store, in ms */
  constructor(
    lease: GenerationLease,
    options: BatchOptions & { timeout: number; onFailure: (error: unknown) => void },
  ) {
    const { batchMs = 0, batchBytes = Number.POSITIVE_INFINITY } = options;
    this.#lease = lease;
    this.#batchMs = batchMs;
    this.#batchBytes = batchBytes;
    this.#timeout = options.timeout;
    this.#onFailure = options.onFailure;
  }

  add(part: Part): void {
    if (this.#failed) return;
    this.#pending.push(part.type === "error" ? withoutCause(part) : part);
    if (this.#batchMs > 0) this.#bytes += partSize(part);
    if (this.#bytes >= this.#batchBytes) this.#hurry();
    this.#flushing ??= this.#flush();
  }

  /** Resolves with whether the store has all parts. */
  async flushed(): Promise<boolean> {
    this.#ending = true;
    this.#hurry();
    await this.#flushing;
    return !this.#failed;
  }

  /** To be called after the terminal part. Resolves with whether the store has all. */
  async end(report: Report): Promise<boolean> {
    if (!(await this.flushed())) return false;
    const error = report.error && withoutCause(report.error);
    await this.#try(() => this.#lease.end({ ...report, error }));
    return !this.#failed;
  }

  async #flush(): Promise<void> {
    while (this.#pending.length > 0 && !this.#failed) {
      await this.#gathered();
      const batch = this.#pending;
      this.#pending = [];
      this.#bytes = 0;
      await this.#try(() => this.#lease.append(batch));
    }
    this.#flushing = undefined;
  }

  /** Waits for parts to join the first, unless someone waits for them. */
  async #gathered(): Promise<void> {
    if (this.#batchMs === 0 || this.#ending || this.#bytes >= this.#batchBytes) return;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#hurry = resolve;
      timer = setTimeout(resolve, this.#batchMs).unref();
    });
    clearTimeout(timer);
  }

  async #try(call: () => Promise<void>): Promise<void> {
    try {
      await fromStore(call, this.#timeout);
    } catch (error) {
      this.#failed = true;
      this.#pending = [];
      this.#lease.abandon?.();
      this.#onFailure(error);
    }
  }
}

import { setImmediate as nextTurn } from "node:timers/promises";
import { type ErrorPart, isTerminal, type Part } from "../parts.js";
import type { Fanout } from "./fanout.js";
import { fromStore } from "./recorder.js";
import type { GenerationInfo, GenerationStore } from "./store.js";

function failed(cause: unknown): ErrorPart {
  return { type: "error", code: "store-error", message: String(cause), retryable: true, cause };
}

/** A generation that is run elsewhere, or has ended: from the store to the watchers. */
export class Follower {
  readonly fanout: Fanout;
  /**
   * Resolves when it has what the store had, with whether the store had it at all. Rejects with
   * `SseError` `store-error`.
   */
  readonly filled: Promise<boolean>;
  readonly #store: GenerationStore;
  readonly #abort = new AbortController();
  #count = 0;

  /**
   * @param timeout of calls of the store that do not wait for parts, in ms
   * @param onFailure called when the store failed later; the watchers have been told
   */
  constructor(fanout: Fanout, store: GenerationStore, timeout: number, onFailure: () => void) {
    this.fanout = fanout;
    this.#store = store;
    this.filled = this.#begin(timeout, onFailure);
  }

  /** Whether it follows no more. */
  get released(): boolean {
    return this.#abort.signal.aborted;
  }

  release(): void {
    this.#abort.abort();
  }

  async #begin(timeout: number, onFailure: () => void): Promise<boolean> {
    const { info } = this.fanout;
    const parts = await fromStore(() => this.#store.read(info, 0), timeout);
    if (!parts) return false;
    this.#take(parts);
    void this.#follow().catch((error) => {
      onFailure();
      this.fanout.add(failed(error));
    });
    return true;
  }

  async #follow(): Promise<void> {
    const { signal } = this.#abort;
    while (!this.fanout.answer.ended && !signal.aborted) {
      const parts = await this.#store.read(this.fanout.info, this.#count, signal);
      if (signal.aborted) return;
      if (!parts) throw new Error("the generation is not kept any more");
      this.#take(parts);
      if (parts.length === 0) await nextTurn();
    }
  }

  #take(parts: readonly Part[]): void {
    this.#count += parts.length;
    for (const part of parts) {
      try {
        this.fanout.add(part);
      } catch {
        // Of a foreign shape; whoever wrote it has left it out as well.
      }
    }
  }
}

/** Resolves when a run has ended, is not kept any more, or cannot be read, and after `ms` at the latest. */
export async function untilEnded(
  store: GenerationStore,
  info: GenerationInfo,
  ms: number,
): Promise<void> {
  const late = new AbortController();
  const follow = async () => {
    for (let count = 0; !late.signal.aborted; ) {
      const parts = await store.read(info, count, late.signal);
      if (!parts || parts.some(isTerminal)) return;
      count += parts.length;
      if (parts.length === 0) await nextTurn();
    }
  };
  await fromStore(follow, ms).catch(() => {});
  late.abort();
}

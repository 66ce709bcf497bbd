import { clearTimeout, setTimeout } from "node:timers";
import { SseError } from "../../errors.js";
import { requireOption } from "../../options.js";

/** What a generation may take. `null` is for no limit. */
export interface GenerationLimits {
  /**
   * For how many ms the provider may yield nothing of the answer, also before its first part. Ends
   * the generation with the error `idle-timeout`.
   *
   * Defaults to `300000`, 5 minutes: some models think in silence.
   */
  idle?: number | null | undefined;
  /**
   * For how many ms a generation may run. Ends it with the error `max-duration`.
   *
   * Defaults to `3600000`, an hour.
   */
  duration?: number | null | undefined;
  /**
   * How many bytes of an answer are kept: its parts' content, and 64 for each part. Ends the
   * generation with the error `max-bytes`.
   *
   * Defaults to `16777216`, 16 MiB.
   */
  bytes?: number | undefined;
  /**
   * How many bytes of events are kept in this process, so that clients can go on from their last
   * one; those who come from before it get the answer from its start. What a client that is behind
   * has still to read is kept beyond that.
   *
   * Defaults to `1048576`, 1 MiB.
   */
  logBytes?: number | undefined;
  /**
   * How many generations may run at once under the same `key` of `start`, in this process. The next
   * `start` rejects with the `SseError` `too-many-generations`.
   *
   * Defaults to `null`.
   */
  concurrent?: number | null | undefined;
}

/** Checked; Infinity where there is no limit. */
export type Limits = { readonly [Name in keyof GenerationLimits]-?: number };

/** What timers take. */
const maxMs = 2 ** 31 - 1;

/** @throws {SseError} `invalid-option` */
export function milliseconds(name: string, value: unknown, least = 1): number {
  const valid = typeof value === "number" && value >= least && value <= maxMs;
  requireOption(valid, name, value, `a number of ms, ${least} to ${maxMs}`);
  return value as number;
}

function atLeastOne(name: string, value: unknown): number {
  const valid = typeof value === "number" && value >= 1;
  requireOption(valid, name, value, "a number, 1 or more");
  return value as number;
}

/** @throws {SseError} `invalid-option` */
export function limitsOf(given: GenerationLimits = {}): Limits {
  requireOption(typeof given === "object" && given !== null, "limits", given, "an object");
  const { idle = 300_000, duration = 3_600_000, concurrent = null } = given;
  const { bytes = 16 * 1024 * 1024, logBytes = 1024 * 1024 } = given;
  const none = Number.POSITIVE_INFINITY;
  return {
    idle: idle === null ? none : milliseconds("limits.idle", idle),
    duration: duration === null ? none : milliseconds("limits.duration", duration),
    bytes: atLeastOne("limits.bytes", bytes),
    logBytes: atLeastOne("limits.logBytes", logBytes),
    concurrent: concurrent === null ? none : atLeastOne("limits.concurrent", concurrent),
  };
}

/** A timer that keeps no process alive. */
export class Deadline {
  #timer: NodeJS.Timeout | undefined;

  /** @param ms Infinity for never */
  constructor(ms: number, onReached: () => void) {
    if (ms !== Number.POSITIVE_INFINITY) this.#timer = setTimeout(onReached, ms).unref();
  }

  /** Begins anew, unless it was cleared. */
  postpone(): void {
    this.#timer?.refresh();
  }

  clear(): void {
    clearTimeout(this.#timer);
    // One that is refreshed after this would run again.
    this.#timer = undefined;
  }
}

/** How many run at once, by key. */
export class Places {
  readonly #limit: number;
  readonly #taken = new Map<string, number>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /**
   * Takes a place; to be left once.
   *
   * @throws {SseError} `too-many-generations`
   */
  take(key: string): void {
    const taken = this.#taken.get(key) ?? 0;
    if (taken >= this.#limit) {
      throw new SseError(
        "too-many-generations",
        `${taken} generations of this key are running, as many as may. Stop one, or wait for its end.`,
      );
    }
    this.#taken.set(key, taken + 1);
  }

  leave(key: string): void {
    const taken = (this.#taken.get(key) ?? 0) - 1;
    if (taken > 0) this.#taken.set(key, taken);
    else this.#taken.delete(key);
  }
}

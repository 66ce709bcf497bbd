import { requireOption } from "../errors.js";

/** When to try again, and how often. */
export interface RetryConfig {
  /** How many times in a row without success. The default is said where it is used. */
  maxRetries?: number | undefined;
  /** How the delay grows: twice the last one, `initialDelay` more, or not. Defaults to `exponential`. */
  backoff?: "exponential" | "linear" | "constant" | undefined;
  /** Before the first retry, in ms. Defaults to 1000. */
  initialDelay?: number | undefined;
  /** What the delay grows to, in ms, unless the server asks for a longer one. Defaults to 30 000. */
  maxDelay?: number | undefined;
}

export type Retry = { [Name in keyof RetryConfig]-?: NonNullable<RetryConfig[Name]> };

/** @throws {SseError} `invalid-option` */
export function atLeast(name: string, value: number, least: number): void {
  requireOption(value >= least, name, value, `a number, ${least} or more`);
}

const growth = {
  exponential: (failures: number) => 2 ** failures,
  linear: (failures: number) => failures + 1,
  constant: () => 1,
};

/**
 * `config` with its defaults; `false` means no retries.
 *
 * @throws {SseError} `invalid-option`
 */
export function retryOf(config: RetryConfig | false | undefined, maxRetries: number): Retry {
  const given = config || {};
  const { backoff = "exponential", initialDelay = 1000, maxDelay = 30_000 } = given;
  const numbers = {
    maxRetries: config === false ? 0 : (given.maxRetries ?? maxRetries),
    initialDelay,
    maxDelay,
  };
  for (const [name, value] of Object.entries(numbers)) atLeast(`retry.${name}`, value, 0);
  const names = Object.keys(growth);
  requireOption(names.includes(backoff), "retry.backoff", backoff, `one of ${names.join(", ")}`);
  return { ...numbers, backoff };
}

/**
 * The delay before a retry, in ms. It has jitter, so that the clients of a server that was restarted
 * do not come back in the same moment: from half of the backoff to the whole, or up to a tenth more
 * than the server asks for.
 *
 * @param failures how many there were in a row before this one
 * @param atLeast what the server asks for (`Retry-After`, `retry:`), in ms
 */
export function retryDelay(retry: Retry, failures: number, atLeast = 0): number {
  const { backoff, initialDelay, maxDelay } = retry;
  // From nothing, nothing would grow.
  const first = failures > 0 ? Math.max(initialDelay, 1) : initialDelay;
  const delay = Math.min(first * growth[backoff](failures), maxDelay);
  const random = Math.random();
  return Math.max(delay * (0.5 + random / 2), atLeast * (1 + random / 10));
}

/** Whether the same request may succeed later: 408, 425, 429 and whatever is the server's fault. */
export function isRetryable(status: number): boolean {
  return status === 408 || status === 425 || status === 429 || status >= 500;
}

/**
 * `Retry-After`, as seconds or as a date (RFC 9110, 10.2.3), in ms from now. The date is compared with
 * the server's own clock where the response tells it.
 */
export function retryAfter(headers: Headers): number | undefined {
  const value = headers.get("retry-after")?.trim() ?? "";
  if (/^\d+$/.test(value)) return Number(value) * 1000;
  if (!value.endsWith("GMT")) return undefined;
  const now = Date.parse(headers.get("date") ?? "") || Date.now();
  const after = Date.parse(value) - now;
  return Number.isNaN(after) ? undefined : Math.max(after, 0);
}

/** A longer timeout would be taken for 1 ms. */
export const maxTimeout = 2 ** 31 - 1;

/** Resolves after `ms`, never before; rejects with the signal's reason once that aborts. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = performance.now() + ms;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const abort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    // Timers may fire a little early.
    const wait = () => {
      const left = end - performance.now();
      if (left > 0) {
        timer = setTimeout(wait, Math.min(Math.ceil(left), maxTimeout));
      } else {
        signal?.removeEventListener("abort", abort);
        resolve();
      }
    };
    if (signal?.aborted) {
      abort();
      return;
    }
    signal?.addEventListener("abort", abort);
    wait();
  });
}

import { invalidOption } from "../errors.js";
import { atLeast } from "./options.js";
import { known } from "./protocols/said.js";

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

const growth = {
  exponential: (failures: number) => 2 ** failures,
  linear: (failures: number) => failures + 1,
  constant: () => 1,
};

/**
 * `config` with its defaults, two of which are the caller's; `false` means no retries.
 *
 * @throws {SseError} `invalid-option`
 */
export function retryOf(
  config: RetryConfig | false | undefined,
  retries: number,
  longest = 30_000,
): Retry {
  const retry: Retry = {
    backoff: "exponential",
    initialDelay: 1000,
    maxRetries: retries,
    maxDelay: longest,
    ...known({ ...(config === false ? { maxRetries: 0 } : config) }),
  };
  const { backoff, initialDelay, maxRetries, maxDelay } = retry;
  atLeast(0, { initialDelay, maxRetries, maxDelay });
  if (!Object.hasOwn(growth, backoff)) {
    throw invalidOption("backoff", backoff, "exponential, linear or constant");
  }
  return retry;
}

/**
 * The delay before a retry, in ms. It has jitter, so that the clients of a server that was restarted
 * do not come back in the same moment: from half of the backoff to the whole, or up to a tenth more
 * than the server asks for.
 *
 * @param failures how many there were in a row before this one
 * @param atLeast what the server asks for (`Retry-After`, `retry:`), in ms
 */
export function retryDelay(retry: Retry, failures: number, atLeast: number): number {
  const { backoff, initialDelay, maxDelay } = retry;
  // From nothing, nothing would grow.
  const first = Math.max(initialDelay, failures && 1);
  const delay = Math.min(first * growth[backoff](failures), maxDelay);
  const random = Math.random();
  return Math.max(delay * (0.5 + random / 2), atLeast * (1 + random / 10));
}

/** Whether the same request may succeed later: 408, 425, 429 and whatever is the server's fault. */
export function isRetryable(status: number): boolean {
  return status >= 500 || [408, 425, 429].includes(status);
}

/**
 * `Retry-After`, as seconds or as a date (RFC 9110, 10.2.3), in ms from now; 0 where the server does
 * not say.
 */
export function retryAfter(headers: Headers): number {
  const value = headers.get("retry-after") ?? "";
  if (/^\d+$/.test(value)) return Number(value) * 1000;
  const after = Date.parse(value) - Date.now();
  return after > 0 ? after : 0;
}

/** A longer timeout, of 25 days, would be taken for 1 ms. */
export const maxTimeout = 2 ** 31 - 1;

/** Resolves after `ms`, or once the signal aborts, which is the caller's own. */
export async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    // Timers may fire a little early.
    const timer = setTimeout(resolve, Math.min(ms + 1, maxTimeout));
    signal.onabort = () => {
      clearTimeout(timer);
      resolve();
    };
  });
}

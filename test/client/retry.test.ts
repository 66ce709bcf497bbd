import { afterEach, describe, expect, it, test, vi } from "vitest";
import { isRetryable, retryAfter, retryDelay, retryOf, sleep } from "../../lib/client/retry.ts";
import { errorOf } from "../e2e/harness.ts";

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const delays = (config: Parameters<typeof retryOf>[0], random: number) => {
  vi.spyOn(Math, "random").mockReturnValue(random);
  return [0, 1, 2, 3, 9].map((failures) => retryDelay(retryOf(config, 3), failures, 0));
};

describe("the delay before a retry", () => {
  it.each([
    ["exponential", [100, 200, 400, 800, 1000]],
    ["linear", [100, 200, 300, 400, 1000]],
    ["constant", [100, 100, 100, 100, 100]],
  ] as const)("grows: %s", (backoff, expected) => {
    const config = { backoff, initialDelay: 100, maxDelay: 1000 };
    expect(delays(config, 1)).toEqual(expected);
    expect(delays(config, 0)).toEqual(expected.map((delay) => delay / 2));
  });

  it("is 1 s at first and 30 s at most, unless configured otherwise", () => {
    expect(delays({}, 1)).toEqual([1000, 2000, 4000, 8000, 30_000]);
  });

  it("grows from nothing too", () => {
    expect(delays({ initialDelay: 0 }, 1)).toEqual([0, 2, 4, 8, 512]);
  });

  it("is never shorter than the server asks for, and spread beyond that", () => {
    const retry = retryOf({ initialDelay: 10, maxDelay: 20 }, 3);
    vi.spyOn(Math, "random").mockReturnValue(0);
    expect(retryDelay(retry, 0, 5000)).toBe(5000);
    vi.spyOn(Math, "random").mockReturnValue(1);
    expect(retryDelay(retry, 0, 5000)).toBe(5500);
    expect(retryDelay(retry, 0, 1)).toBe(10);
  });
});

describe("the options", () => {
  it("has the number of retries that its user says, and none when it is switched off", () => {
    expect(retryOf(undefined, 3).maxRetries).toBe(3);
    expect(retryOf({ maxRetries: 5 }, 3).maxRetries).toBe(5);
    expect(retryOf(false, 3).maxRetries).toBe(0);
  });

  test.each([
    [{ maxRetries: -1 }, "maxRetries is -1; it must be a number, 0 or more."],
    [{ initialDelay: Number.NaN }, "initialDelay is NaN; it must be a number, 0 or more."],
    [{ maxDelay: -5 }, "maxDelay is -5; it must be a number, 0 or more."],
    [
      { backoff: "quadratic" as "linear" },
      "backoff is quadratic; it must be exponential, linear or constant.",
    ],
  ])("refuses %j", async (config, message) => {
    const error = await errorOf(() => retryOf(config, 3));
    expect(error).toMatchObject({ code: "invalid-option", message: `stream-llm: ${message}` });
  });
});

test.each([
  [400, false],
  [401, false],
  [404, false],
  [408, true],
  [409, false],
  [425, true],
  [429, true],
  [499, false],
  [500, true],
  [503, true],
  [599, true],
])("%i is worth a retry: %s", (status, expected) => {
  expect(isRetryable(status)).toBe(expected);
});

describe("Retry-After", () => {
  test.each([
    ["120", 120_000],
    [" 0 ", 0],
    ["Tue, 25 Nov 2025 10:00:30 GMT", 30_000],
    ["Tuesday, 25-Nov-25 10:00:30 GMT", 30_000],
    ["Tue, 25 Nov 2025 09:00:00 GMT", 0],
    ["", 0],
    ["-1", 0],
    ["1.5", 0],
    ["soon", 0],
    ["soon GMT", 0],
    ["2025-11-25", 0],
  ])("%j is %s ms", (value, expected) => {
    vi.useFakeTimers({ now: Date.parse("Tue, 25 Nov 2025 10:00:00 GMT") });
    expect(retryAfter(new Headers({ "retry-after": value }))).toBe(expected);
    expect(retryAfter(new Headers())).toBe(0);
  });
});

describe("sleep", () => {
  const { signal } = new AbortController();

  it("never ends before its time, nor at once when that is too long for a timer", async () => {
    vi.useFakeTimers();
    for (const ms of [1000, 31 * 24 * 3_600_000]) {
      let over = false;
      const slept = sleep(ms, signal).then(() => {
        over = true;
      });
      await vi.advanceTimersByTimeAsync(Math.min(ms, 24 * 24 * 3_600_000));
      expect(over).toBe(false);
      await vi.advanceTimersByTimeAsync(24 * 3_600_000);
      expect(over).toBe(true);
      await slept;
    }
  });

  it("ends with its signal, and leaves no timer", async () => {
    vi.useFakeTimers();
    const stop = new AbortController();
    const slept = sleep(1000, stop.signal);
    stop.abort();
    await slept;
    await sleep(1000, stop.signal);
    expect(vi.getTimerCount()).toBe(0);
  });
});

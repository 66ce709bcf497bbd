import { expect, it, vi } from "vitest";
import {
  createMeter,
  type MeterOptions,
  type Part,
  type Report,
} from "../../lib/streaming/server.ts";

const start: Part = { type: "start", model: "m-2026-01-01" };
const finish: Part = { type: "finish", reason: "stop" };
const usage = (inputTokens: number, outputTokens: number, more = {}): Part => {
  const totalTokens = inputTokens + outputTokens;
  return { type: "usage", usage: { inputTokens, outputTokens, totalTokens, ...more } };
};
const text = (text: string): Part => ({ type: "text", text });

function metered(parts: Part[], options?: MeterOptions): Promise<Report> {
  const meter = createMeter(options);
  for (const part of parts) meter.part(part);
  return meter.finish();
}

/** A clock that stands still until it is told. */
function fakeClock() {
  const clock = { now: 500, read: () => clock.now };
  return clock;
}

it("reports what the provider reported", async () => {
  const report = await metered([start, text("Hi"), usage(10, 5, { reasoningTokens: 3 }), finish]);
  expect(report).toMatchObject({ model: "m-2026-01-01", status: "finished", finishReason: "stop" });
  expect(report.usage).toMatchObject({ inputTokens: 10, outputTokens: 5, totalTokens: 15 });
  expect(report.usage?.reasoningTokens).toBe(3);
  expect(report.estimated).toBe(false);
  expect(report.cost).toBeUndefined();
});

it("takes the last of several usages, as totals", async () => {
  const { usage: used } = await metered([start, usage(1, 1), usage(10, 5), finish]);
  expect(used?.totalTokens).toBe(15);
});

it("times the first token, the rate from then on, and the whole", async () => {
  const clock = fakeClock();
  const meter = createMeter({ clock: clock.read });
  clock.now += 100;
  meter.part(start);
  clock.now += 150;
  expect(meter.report).toMatchObject({ status: "running", timings: { total: 250 } });
  meter.part(text("a"));
  clock.now += 500;
  meter.part(text("b"));
  meter.part(usage(10, 200));
  expect(meter.report.usage?.outputTokens).toBe(200);
  expect(meter.report.timings.tokensPerSecond).toBeUndefined();
  clock.now += 500;
  meter.part(finish);
  clock.now += 9000;
  const { timings } = await meter.finish();
  expect(timings).toMatchObject({ timeToFirstToken: 250, total: 1250, tokensPerSecond: 200 });
  expect(Math.abs(timings.startedAt - Date.now())).toBeLessThan(60_000);
});

it("leaves reasoning that was not streamed out of the rate", async () => {
  const rate = async (...parts: Part[]) => {
    const clock = fakeClock();
    const meter = createMeter({ clock: clock.read });
    for (const part of parts) {
      meter.part(part);
      clock.now += 500;
    }
    meter.part(usage(1, 100, { reasoningTokens: 80 }));
    meter.part(finish);
    return (await meter.finish()).timings.tokensPerSecond;
  };
  expect(await rate(text("a"), text("b"))).toBe(20);
  expect(await rate({ type: "reasoning", text: "a" }, text("b"))).toBe(100);
});

it("has no rate for an answer in one piece, and none for an empty one", async () => {
  for (const content of [[text("whole")], []]) {
    const { timings } = await metered([start, ...content, usage(1, 9), finish]);
    expect(timings.tokensPerSecond).toBeUndefined();
  }
});

it("counts a run without a terminal part as aborted, and one with an error as failed", async () => {
  expect(await metered([start])).toMatchObject({ status: "aborted", error: undefined });
  expect(await metered([start, { type: "abort" }])).toMatchObject({ status: "aborted" });
  const error: Part = { type: "error", code: "overloaded", message: "busy", retryable: true };
  expect(await metered([start, error])).toMatchObject({ status: "failed", error });
});

it("ignores what comes after the end", async () => {
  const meter = createMeter();
  for (const part of [start, text("a"), usage(1, 2), finish]) meter.part(part);
  const report = await meter.finish();
  meter.part(usage(7, 7));
  meter.part({ type: "abort" });
  expect(await meter.finish()).toBe(report);
  expect(meter.report).toEqual(report);
});

it("calls each hook once, the usage before the end, without being asked to finish", async () => {
  const calls: unknown[] = [];
  await new Promise<void>((resolve) => {
    const meter = createMeter({
      onUsage: (used, report) => calls.push(["usage", used.outputTokens, report.status]),
      onFinish: (report) => {
        calls.push(["finish", report.usage?.outputTokens]);
        resolve();
      },
    });
    for (const part of [start, usage(1, 2), finish]) meter.part(part);
    void meter.finish();
    expect(calls).toEqual([]);
  });
  expect(calls).toEqual([
    ["usage", 2, "finished"],
    ["finish", 2],
  ]);
});

it.each([
  [
    "throw",
    () => {
      throw new Error("hook broke");
    },
  ],
  ["reject", () => Promise.reject(new Error("hook broke"))],
  [
    "are thenables that throw",
    () => ({
      // biome-ignore lint/suspicious/noThenProperty: it is the case
      then: () => {
        throw new Error("hook broke");
      },
    }),
  ],
])("warns of hooks that %s, and reports all the same", async (_, hook) => {
  const warned = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
  try {
    const report = await metered([start, usage(1, 2), finish], { onUsage: hook, onFinish: hook });
    expect(report.usage?.totalTokens).toBe(3);
    await vi.waitFor(() => expect(warned).toHaveBeenCalledTimes(2));
    const messages = warned.mock.calls.map(([message]) => message);
    expect(messages).toEqual([
      "stream-llm: onUsage failed: hook broke",
      "stream-llm: onFinish failed: hook broke",
    ]);
  } finally {
    warned.mockRestore();
  }
});

it("does not wait for a hook that never settles", async () => {
  const never = () => new Promise(() => {});
  expect((await metered([start, usage(1, 2), finish], { onFinish: never })).status).toBe(
    "finished",
  );
});

it.each([
  ["NaN", Number.NaN],
  ["negative", -1],
  ["1e308", 1e308],
  ["infinite", Number.POSITIVE_INFINITY],
  ["a fraction", 1.5],
  ["text", "12"],
  ["null", null],
])("takes tokens that are %s for not reported", async (_, bad) => {
  const hostile = { inputTokens: bad, outputTokens: 5, totalTokens: bad, cachedInputTokens: bad };
  const report = await metered(
    [start, { type: "usage", usage: hostile } as unknown as Part, finish],
    {
      prices: { m: { input: 1e6, output: 1e6 } },
      prompt: "one two three",
    },
  );
  expect(report.estimated).toBe(true);
  expect(report.usage).toMatchObject({ inputTokens: 3, outputTokens: 5, totalTokens: 8 });
  expect(report.usage?.cachedInputTokens).toBeUndefined();
  expect(report.cost).toEqual({ input: 3, output: 5, total: 8 });
});

it.each([[undefined], [null], ["12"], [{}]])("takes a usage of %o for none", async (hostile) => {
  const parts = [start, text("one"), { type: "usage", usage: hostile } as unknown as Part, finish];
  expect((await metered(parts)).usage).toMatchObject({ outputTokens: 1, inputTokens: undefined });
});

it.each([
  [{ model: 5 }],
  [{ prompt: 5 }],
  [{ onUsage: {} }],
  [{ onFinish: "log" }],
  [{ clock: 0 }],
  [{ prices: null }],
  [{ prices: { m: null } }],
  [{ prices: { m: { input: 1 } } }],
  [{ prices: { m: { input: 1, output: -1 } } }],
  [{ prices: { m: { input: 1, output: Number.NaN } } }],
  [{ prices: { m: { input: 1, output: 1, cachedInput: "0" } } }],
])("refuses %o", (options) => {
  expect(() => createMeter(options as MeterOptions)).toThrow(
    expect.objectContaining({ code: "invalid-option" }),
  );
});

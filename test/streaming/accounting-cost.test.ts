import { expect, it } from "vitest";
import { type Cost, createMeter, type PriceTable, type Usage } from "../../lib/streaming/server.ts";

async function costOf(
  prices: PriceTable,
  usage: Partial<Usage>,
  { provider, asked }: { provider?: string; asked?: string } = { provider: "m" },
): Promise<Cost | undefined> {
  const meter = createMeter({ prices, model: asked });
  meter.part({ type: "start", model: provider });
  const whole = { inputTokens: 0, outputTokens: 0, totalTokens: 0, ...usage };
  meter.part({ type: "usage", usage: whole });
  meter.part({ type: "finish", reason: "stop" });
  return (await meter.finish()).cost;
}

const million = 1_000_000;
const used = { inputTokens: million, outputTokens: million };

it("is per million tokens, reasoning at the price of output", async () => {
  const prices = { m: { input: 2.5, output: 10 } };
  const usage = { inputTokens: 2000, outputTokens: 300, reasoningTokens: 200 };
  const cost = await costOf(prices, usage);
  expect(cost?.input).toBeCloseTo(0.005, 12);
  expect(cost?.output).toBeCloseTo(0.003, 12);
  expect(cost?.total).toBeCloseTo(0.008, 12);
});

const cache = { inputTokens: million, cachedInputTokens: 600_000, cacheWriteTokens: 100_000 };

it("prices what the cache gave and took apart", async () => {
  const prices = { m: { input: 10, output: 1, cachedInput: 1, cacheWrite: 20 } };
  expect(await costOf(prices, cache)).toEqual({ input: 3 + 0.6 + 2, output: 0, total: 5.6 });
});

it("takes the price of input for a cache without one", async () => {
  expect((await costOf({ m: { input: 10, output: 1 } }, cache))?.input).toBe(10);
});

it("never charges for more cached tokens than there was input", async () => {
  const prices = { m: { input: 10, output: 1, cachedInput: 1, cacheWrite: 20 } };
  const usage = { inputTokens: million, cachedInputTokens: 5 * million, cacheWriteTokens: million };
  expect((await costOf(prices, usage))?.input).toBe(1);
});

it.each([
  ["gpt-4o", 1],
  ["gpt-4o-2024-08-06", 1],
  ["gpt-4o-2024-05-13", 7],
  ["gpt-4o-latest", 1],
  ["gpt-4o-mini", 2],
  ["gpt-4o-mini-2024-07-18", 2],
  ["gpt-4", 3],
  ["gpt-4-0613", 3],
  ["claude-sonnet-4-20250514", 4],
  ["claude-sonnet-4@20250514", 4],
  ["claude-sonnet-4-20250514-v1:0", 4],
  ["gemini-1.5-pro-002", 5],
])("finds the price of %s", async (provider, price) => {
  const prices: PriceTable = {
    "gpt-4": { input: 3, output: 0 },
    "gpt-4o": { input: 1, output: 0 },
    "gpt-4o-2024-05-13": { input: 7, output: 0 },
    "gpt-4o-mini": { input: 2, output: 0 },
    "claude-sonnet-4": { input: 4, output: 0 },
    "gemini-1.5-pro": { input: 5, output: 0 },
  };
  expect((await costOf(prices, used, { provider }))?.input).toBe(price);
});

it.each([
  ["gpt-4.1"],
  ["gpt-4o-mini"],
  ["gpt-4-turbo"],
  ["gpt-4-32k"],
  ["gpt-4-1106-preview"],
  ["GPT-4"],
  ["openai/gpt-4"],
  ["constructor"],
  ["__proto__"],
  ["toString"],
  [""],
  ["gpt-4".padEnd(100_000, "-0613")],
])("has no price for %s when only gpt-4 has one", async (provider) => {
  expect(await costOf({ "gpt-4": { input: 1, output: 1 } }, used, { provider })).toBeUndefined();
});

it("goes by the provider's name first, then by the one asked for", async () => {
  const prices = { asked: { input: 1, output: 0 }, given: { input: 2, output: 0 } };
  const of = async (provider: string | undefined) =>
    (await costOf(prices, used, { provider, asked: "asked" }))?.input;
  expect(await of("given-2026-01-01")).toBe(2);
  expect(await of("unknown")).toBe(1);
  expect(await of(undefined)).toBe(1);
});

it("survives a model's name that is no text", async () => {
  const provider = 5 as unknown as string;
  expect(await costOf({ m: { input: 1, output: 1 } }, used, { provider })).toBeUndefined();
});

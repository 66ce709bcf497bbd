import { requireOption } from "../../errors.js";
import type { MeteredUsage } from "./report.js";

/** What a million tokens cost. */
export interface Price {
  input: number;
  /** Reasoning among it. */
  output: number;
  /** Input read from the provider's cache. Defaults to `input`. */
  cachedInput?: number | undefined;
  /** Input written to the provider's cache. Defaults to `input`. */
  cacheWrite?: number | undefined;
}

/**
 * Prices by the model's name as the provider gives it. A name in the table also stands for the same
 * name followed by a version: `-2024-08-06`, `-20250514`, `@20250514`, `-0613`, `-002`, `-latest`,
 * `-v2:0`, or several of them; the longest such name counts. `gpt-4o` is never the price of
 * `gpt-4o-mini`.
 */
export type PriceTable = Readonly<Record<string, Price>>;

/** In the currency of the prices. */
export interface Cost {
  /** Undefined when the tokens of the prompt are unknown. */
  input: number | undefined;
  output: number;
  /** Undefined when `input` is. */
  total: number | undefined;
}

/** Names are the provider's words; no model's is longer. */
const maxName = 256;
/** What may follow the name of a model, or nothing. */
const versions = /^([-@](\d{3,}(-\d\d)*|latest|v\d+(:\d+)?))*$/;

/** @throws {SseError} `invalid-option` */
export function checkPrices(prices: unknown): void {
  const isTable = typeof prices === "object" && prices !== null;
  requireOption(isTable, "prices", prices, "an object of prices by model");
  for (const [model, price] of Object.entries(prices as PriceTable)) {
    const { input, output, cachedInput = 0, cacheWrite = 0 } = Object(price) as Price;
    for (const [name, value] of Object.entries({ input, output, cachedInput, cacheWrite })) {
      const valid = typeof value === "number" && value >= 0 && value < Number.POSITIVE_INFINITY;
      const label = `prices[${JSON.stringify(model)}].${name}`;
      requireOption(valid, label, value, "a number, 0 or more, per million tokens");
    }
  }
}

function priceOf(prices: PriceTable, model: unknown): Price | undefined {
  if (typeof model !== "string" || model.length > maxName) return undefined;
  return Object.entries(prices)
    .filter(([name]) => model.startsWith(name) && versions.test(model.slice(name.length)))
    .sort(([one], [other]) => other.length - one.length)[0]?.[1];
}

/** What `usage` costs, by the price of the first of `models` that has one. */
export function costOf(
  prices: PriceTable,
  models: readonly unknown[],
  usage: MeteredUsage,
): Cost | undefined {
  const price = models.map((model) => priceOf(prices, model)).find((one) => one);
  if (!price) return undefined;
  const { inputTokens: all, cachedInputTokens = 0, cacheWriteTokens = 0, outputTokens } = usage;
  const output = (outputTokens * price.output) / 1e6;
  if (all === undefined) return { input: all, output, total: all };
  // The cache's tokens are a share of the input; some providers report more than all of it.
  const read = Math.min(cachedInputTokens, all);
  const written = Math.min(cacheWriteTokens, all - read);
  const { input: fresh, cachedInput = fresh, cacheWrite = fresh } = price;
  const input = ((all - read - written) * fresh + read * cachedInput + written * cacheWrite) / 1e6;
  return { input, output, total: input + output };
}

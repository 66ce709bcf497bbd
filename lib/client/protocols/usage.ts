import { known, object } from "./said.js";

/** Tokens of an answer. */
export interface Usage {
  /** Of the prompt, those read from or written to the provider's cache among them. */
  readonly promptTokens: number;
  /** Of the answer, reasoning among them. */
  readonly completionTokens: number;
  readonly totalTokens: number;
  /** The share of `completionTokens` that was reasoning, where the protocol tells. */
  readonly reasoningTokens?: number;
  /** The share of `promptTokens` that came from the provider's cache, where the protocol tells. */
  readonly cachedInputTokens?: number;
  /** The share of `promptTokens` that was written to the provider's cache (Anthropic). */
  readonly cacheWriteTokens?: number;
}

/** Counts by their names, without underscores and `tokens`, in lower case. */
export type Counts = Record<string, number>;

/** What is counted, under all protocols' names; all else is left out. */
const counted =
  /^(prompt|input|completion|output|total|reasoning|thinking|cached|cachedinput|promptcachehit|cachewrite|cachereadinput|cachecreationinput)tokens$/;

/** Takes the counts that an event tells; they replace those of earlier ones. */
export function count(counts: Counts, usage: unknown, isDetail = false): void {
  if (typeof usage !== "object" || Array.isArray(usage)) return;
  const told = object(usage);
  for (const given in told) {
    const value = told[given];
    const key = given.replaceAll("_", "").toLowerCase();
    const [, name] = counted.exec(key) ?? [];
    if (name && typeof value === "number" && value >= 0) counts[name] = value;
    else if (!isDetail && key.endsWith("details")) count(counts, value, true);
  }
}

/** What the counts come to. */
export function usageOf(counts: Counts): Usage {
  // Anthropic's `input_tokens` leave out what was read from the cache, and written to it.
  const { cachereadinput: read, cachecreationinput: written } = counts;
  const { prompt, input = prompt ?? 0, completion, output = completion ?? 0, total } = counts;
  const { thinking, reasoning: reasoningTokens = thinking, cachewrite = written } = counts;
  const { promptcachehit = read, cachedinput = promptcachehit, cached = cachedinput } = counts;
  const promptTokens = input + (read ?? 0) + (written ?? 0);
  // xAI counts reasoning apart; its total shows that it did.
  const isApart = reasoningTokens && total === promptTokens + output + reasoningTokens;
  const completionTokens = isApart ? output + reasoningTokens : output;
  return known({
    promptTokens,
    completionTokens,
    totalTokens: total ?? promptTokens + completionTokens,
    reasoningTokens,
    cachedInputTokens: cached,
    cacheWriteTokens: cachewrite,
  }) as Usage;
}

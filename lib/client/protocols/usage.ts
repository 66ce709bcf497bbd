import { object } from "./said.js";

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

/** All protocols' names of what is counted, without underscores and in lower case. */
const names = {
  input: /^(prompt|input)tokens$/,
  output: /^(completion|output)tokens$/,
  total: /^totaltokens$/,
  reasoning: /^(reasoning|thinking)tokens$/,
  cached: /^(cached(input)?tokens|promptcachehittokens)$/,
  written: /^cachewritetokens$/,
  // Anthropic's `input_tokens` leave these out.
  readApart: /^cachereadinputtokens$/,
  writtenApart: /^cachecreationinputtokens$/,
};

export type Counts = { [Name in keyof typeof names]?: number };

/** Takes the counts that an event tells; they replace those of earlier ones. */
export function count(counts: Counts, usage: unknown, isDetail = false): void {
  if (typeof usage !== "object" || Array.isArray(usage)) return;
  const told = object(usage);
  for (const given in told) {
    const value = told[given];
    const key = given.replaceAll("_", "").toLowerCase();
    if (!isDetail && key.endsWith("details")) count(counts, value, true);
    if (typeof value !== "number" || value < 0) continue;
    for (const [name, pattern] of Object.entries(names)) {
      if (pattern.test(key)) counts[name as keyof Counts] = value;
    }
  }
}

/** What the counts come to. */
export function usageOf(counts: Counts): Usage {
  const { input = 0, output = 0, total, reasoning, readApart, writtenApart } = counts;
  const { cached = readApart, written = writtenApart } = counts;
  const promptTokens = input + (readApart ?? 0) + (writtenApart ?? 0);
  // xAI counts reasoning apart; its total shows that it did.
  const isApart = reasoning && total === promptTokens + output + reasoning;
  const completionTokens = isApart ? output + reasoning : output;
  return Object.freeze({
    promptTokens,
    completionTokens,
    totalTokens: total ?? promptTokens + completionTokens,
    ...(reasoning !== undefined && { reasoningTokens: reasoning }),
    ...(cached !== undefined && { cachedInputTokens: cached }),
    ...(written !== undefined && { cacheWriteTokens: written }),
  });
}

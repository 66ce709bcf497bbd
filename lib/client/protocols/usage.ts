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
  readonly cachedPromptTokens?: number;
  /** The share of `promptTokens` that was written to the provider's cache (Anthropic). */
  readonly cacheWriteTokens?: number;
}

/** What has been counted so far. */
export interface Counts {
  input?: number;
  output?: number;
  total?: number;
  reasoning?: number;
  cached?: number;
  /** Anthropic's `input_tokens` leave out what its cache was read and written for. */
  read?: number;
  written?: number;
}

function first(...values: unknown[]): number | undefined {
  const isCount = (value: unknown) => typeof value === "number" && value >= 0 && value < 1 / 0;
  return values.find(isCount) as number | undefined;
}

/** Takes the counts that an event tells, under whichever protocol's names. Later ones replace earlier. */
export function addCounts(counts: Counts, usage: unknown): void {
  const told = object(usage);
  const prompt = object(told.prompt_tokens_details ?? told.input_tokens_details);
  const answer = object(told.completion_tokens_details ?? told.output_tokens_details);
  const found: Counts = {
    input: first(told.promptTokens, told.inputTokens, told.prompt_tokens, told.input_tokens),
    output: first(
      told.completionTokens,
      told.outputTokens,
      told.completion_tokens,
      told.output_tokens,
    ),
    total: first(told.totalTokens, told.total_tokens),
    reasoning: first(told.reasoningTokens, answer.reasoning_tokens, answer.thinking_tokens),
    cached: first(told.cachedInputTokens, prompt.cached_tokens, told.prompt_cache_hit_tokens),
    read: first(told.cache_read_input_tokens),
    written: first(told.cache_creation_input_tokens),
  } as Counts;
  for (const name of Object.keys(found) as (keyof Counts)[]) {
    if (found[name] !== undefined) counts[name] = found[name];
  }
}

/** What the counts come to; nothing before there are any. */
export function usageOf(counts: Counts): Usage | undefined {
  const { input = 0, total, reasoning = 0, read, written } = counts;
  const { output = 0, cached = read } = counts;
  const promptTokens = input + (read ?? 0) + (written ?? 0);
  // xAI counts reasoning apart; its total shows that it did.
  const apart = total === promptTokens + output + reasoning ? reasoning : 0;
  const completionTokens = output + apart;
  const totalTokens = total ?? promptTokens + completionTokens;
  if (totalTokens === 0) return undefined;
  return Object.freeze({
    ...{ promptTokens, completionTokens, totalTokens },
    ...(counts.reasoning !== undefined && { reasoningTokens: reasoning }),
    ...(cached !== undefined && { cachedPromptTokens: cached }),
    ...(written !== undefined && { cacheWriteTokens: written }),
  });
}

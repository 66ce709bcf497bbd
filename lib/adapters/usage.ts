import type { Usage } from "../streaming/parts.js";
import { count, defined, isObject, type JsonObject, object } from "./json.js";

interface Counts {
  input: number | undefined;
  output: number | undefined;
  total?: number | undefined;
  reasoning?: number | undefined;
  cached?: number | undefined;
  cacheWrite?: number | undefined;
}

function usageOf(counts: Counts, raw: JsonObject): Usage | undefined {
  const { input, output, total, reasoning, cached, cacheWrite } = counts;
  if (input === undefined && output === undefined && total === undefined) return undefined;
  const details = defined({
    reasoningTokens: reasoning,
    cachedInputTokens: cached,
    cacheWriteTokens: cacheWrite,
  });
  const [inputTokens, outputTokens] = [input ?? 0, output ?? 0];
  const totalTokens = total ?? inputTokens + outputTokens;
  return { inputTokens, outputTokens, totalTokens, ...details, raw };
}

/**
 * OpenAI's chat completions:
 * https://platform.openai.com/docs/api-reference/chat/object#chat-object-usage
 */
export function chatUsage(raw: unknown): Usage | undefined {
  if (!isObject(raw)) return undefined;
  const prompt = object(raw.prompt_tokens_details);
  const input = count(raw.prompt_tokens);
  const total = count(raw.total_tokens);
  const reasoning = count(object(raw.completion_tokens_details).reasoning_tokens);
  let output = count(raw.completion_tokens);
  // xAI counts reasoning apart; its total shows that it did.
  if (reasoning && output !== undefined && total === (input ?? 0) + output + reasoning) {
    output += reasoning;
  }
  const cached = count(prompt.cached_tokens) ?? count(raw.prompt_cache_hit_tokens);
  const cacheWrite = count(prompt.cache_write_tokens);
  return usageOf({ input, output, total, reasoning, cached, cacheWrite }, raw);
}

/** https://platform.openai.com/docs/api-reference/responses/object#responses-object-usage */
export function responsesUsage(raw: unknown): Usage | undefined {
  if (!isObject(raw)) return undefined;
  const counts = {
    input: count(raw.input_tokens),
    output: count(raw.output_tokens),
    total: count(raw.total_tokens),
    reasoning: count(object(raw.output_tokens_details).reasoning_tokens),
    cached: count(object(raw.input_tokens_details).cached_tokens),
  };
  return usageOf(counts, raw);
}

/**
 * Anthropic's `input_tokens` leave out those read from and written to the cache:
 * https://platform.claude.com/docs/en/build-with-claude/prompt-caching#tracking-cache-performance
 */
export function anthropicUsage(raw: JsonObject): Usage | undefined {
  const cached = count(raw.cache_read_input_tokens);
  const cacheWrite = count(raw.cache_creation_input_tokens);
  const fresh = count(raw.input_tokens);
  const known = [fresh, cached, cacheWrite].filter((value) => value !== undefined);
  const input = known.length > 0 ? known.reduce((sum, value) => sum + value, 0) : undefined;
  const reasoning = count(object(raw.output_tokens_details).thinking_tokens);
  const output = count(raw.output_tokens);
  return usageOf({ input, output, reasoning, cached, cacheWrite }, raw);
}

/** https://ai.google.dev/api/generate-content#UsageMetadata */
export function geminiUsage(raw: unknown): Usage | undefined {
  if (!isObject(raw)) return undefined;
  const reasoning = count(raw.thoughtsTokenCount);
  const answer = count(raw.candidatesTokenCount);
  const counts = {
    input: count(raw.promptTokenCount),
    // Gemini counts thoughts apart from the answer.
    output:
      answer === undefined && reasoning === undefined
        ? undefined
        : (answer ?? 0) + (reasoning ?? 0),
    total: count(raw.totalTokenCount),
    reasoning,
    cached: count(raw.cachedContentTokenCount),
  };
  return usageOf(counts, raw);
}

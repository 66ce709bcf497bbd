import { expect, it } from "vitest";
import {
  anthropicUsage,
  chatUsage,
  geminiUsage,
  responsesUsage,
} from "../../lib/adapters/usage.ts";

const details = { prompt_tokens_details: { cached_tokens: 2 } };
const reasoning = { completion_tokens_details: { reasoning_tokens: 5 } };

it.each([
  [
    "OpenAI: reasoning is part of the output",
    { prompt_tokens: 10, completion_tokens: 8, total_tokens: 18, ...reasoning, ...details },
    { inputTokens: 10, outputTokens: 8, totalTokens: 18, reasoningTokens: 5, cachedInputTokens: 2 },
  ],
  [
    "xAI: reasoning is counted apart, and belongs to the output",
    { prompt_tokens: 10, completion_tokens: 8, total_tokens: 23, ...reasoning },
    { inputTokens: 10, outputTokens: 13, totalTokens: 23, reasoningTokens: 5 },
  ],
  [
    "DeepSeek: the cache has a name of its own",
    { prompt_tokens: 10, completion_tokens: 8, prompt_cache_hit_tokens: 4 },
    { inputTokens: 10, outputTokens: 8, totalTokens: 18, cachedInputTokens: 4 },
  ],
  [
    "OpenRouter: tokens written to the cache",
    { prompt_tokens: 10, prompt_tokens_details: { cached_tokens: 0, cache_write_tokens: 3 } },
    {
      inputTokens: 10,
      outputTokens: 0,
      totalTokens: 10,
      cachedInputTokens: 0,
      cacheWriteTokens: 3,
    },
  ],
])("%s", (_, raw, usage) => {
  expect(chatUsage(raw)).toEqual({ ...usage, raw });
});

it("Responses: as it is", () => {
  const raw = { input_tokens: 10, output_tokens: 8, total_tokens: 18 };
  expect(responsesUsage(raw)).toEqual({
    inputTokens: 10,
    outputTokens: 8,
    totalTokens: 18,
    raw,
  });
});

it("Anthropic: the input is what is new, read from the cache and written to it", () => {
  const raw = { input_tokens: 1, cache_read_input_tokens: 20, cache_creation_input_tokens: 300 };
  expect(anthropicUsage({ ...raw, output_tokens: 4000 })).toMatchObject({
    inputTokens: 321,
    outputTokens: 4000,
    totalTokens: 4321,
    cachedInputTokens: 20,
    cacheWriteTokens: 300,
  });
});

it("Gemini: thoughts belong to the output", () => {
  const raw = { promptTokenCount: 10, candidatesTokenCount: 8, thoughtsTokenCount: 5 };
  expect(geminiUsage({ ...raw, totalTokenCount: 23, cachedContentTokenCount: 2 })).toMatchObject({
    inputTokens: 10,
    outputTokens: 13,
    totalTokens: 23,
    reasoningTokens: 5,
    cachedInputTokens: 2,
  });
});

it.each([
  [undefined],
  [null],
  [5],
  ["10"],
  [[]],
  [{}],
  [{ prompt_tokens: -1 }],
  [{ prompt_tokens: "1" }],
])("%o is no usage", (raw) => {
  expect(chatUsage(raw)).toBeUndefined();
  expect(responsesUsage(raw)).toBeUndefined();
  expect(geminiUsage(raw)).toBeUndefined();
});

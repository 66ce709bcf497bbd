import { AnthropicDecoder } from "./anthropic.js";
import { DetectingDecoder } from "./detect.js";
import { GeminiDecoder } from "./gemini.js";
import { OpenAIChatDecoder } from "./openai-chat.js";
import { OpenAIResponsesDecoder } from "./openai-responses.js";
import { type PartReader, type ReaderOptions, readWith } from "./reader.js";
import type { ProviderSource } from "./source.js";

/**
 * Reads a streamed chat completion of OpenAI or of a server that is compatible with it: vLLM,
 * Ollama, DeepSeek, Groq, Mistral, OpenRouter, xAI, Azure, Perplexity. Ask for
 * `stream_options: {include_usage: true}`, or no usage may come.
 *
 * Like all readers, it reads no faster than its parts are taken, ends with exactly one `finish`,
 * `error` or `abort` part, and throws nothing because of what the provider sends.
 *
 * @param source see {@link ProviderSource}; opened at once, read when the first part is asked for
 * @throws {SseError} `invalid-argument`, `invalid-option`
 */
export function readOpenAIChat(source: ProviderSource, options?: ReaderOptions): PartReader {
  return readWith(OpenAIChatDecoder, source, options);
}

/** Reads a stream of OpenAI's Responses API. Otherwise as {@link readOpenAIChat}. */
export function readOpenAIResponses(source: ProviderSource, options?: ReaderOptions): PartReader {
  return readWith(OpenAIResponsesDecoder, source, options);
}

/** Reads a stream of Anthropic's Messages API. Otherwise as {@link readOpenAIChat}. */
export function readAnthropic(source: ProviderSource, options?: ReaderOptions): PartReader {
  return readWith(AnthropicDecoder, source, options);
}

/**
 * Reads a stream of Gemini's own API (`streamGenerateContent?alt=sse`). Otherwise as
 * {@link readOpenAIChat}, which reads Gemini's OpenAI-compatible API.
 */
export function readGemini(source: ProviderSource, options?: ReaderOptions): PartReader {
  return readWith(GeminiDecoder, source, options);
}

/**
 * Reads any of these formats, and parts that were read or made before: the first chunks tell
 * which. Otherwise as {@link readOpenAIChat}.
 */
export function readParts(source: ProviderSource, options?: ReaderOptions): PartReader {
  return readWith(DetectingDecoder, source, options);
}

import { readAnthropic, readParts } from "./readers.js";
import { type AdapterOptions, relay } from "./relay.js";
import type { ProviderSource } from "./source.js";

/**
 * Relays a streamed answer of OpenAI, or of a server that is compatible with it, to clients of any
 * protocol: `new Response(OpenAIAdapter(stream), {headers: protocolHeaders("events")})`.
 *
 * Whatever goes wrong with the provider becomes the terminal event of the protocol; the stream
 * itself never fails.
 *
 * @param stream of chat completions or of Responses: see {@link ProviderSource}
 * @throws {SseError} `invalid-argument` for a source that cannot be read, `invalid-option`
 */
export function OpenAIAdapter(
  stream: ProviderSource,
  options?: AdapterOptions,
): ReadableStream<Uint8Array> {
  return relay((readerOptions) => readParts(stream, readerOptions), options);
}

/** Relays a streamed message of Anthropic. Otherwise as {@link OpenAIAdapter}. */
export function AnthropicAdapter(
  stream: ProviderSource,
  options?: AdapterOptions,
): ReadableStream<Uint8Array> {
  return relay((readerOptions) => readAnthropic(stream, readerOptions), options);
}

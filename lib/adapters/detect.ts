import { AnthropicDecoder } from "./anthropic.js";
import type { Decoder, DecoderClass, DecoderLimits } from "./decoder.js";
import { GeminiDecoder } from "./gemini.js";
import { isObject, type JsonObject, text } from "./json.js";
import { OpenAIChatDecoder } from "./openai-chat.js";
import { OpenAIResponsesDecoder } from "./openai-responses.js";
import type { Outlet } from "./outlet.js";
import { looksLikePart, PartsDecoder } from "./parts-decoder.js";
import { failure, providerFailure, saysError } from "./provider-error.js";

/** How many chunks may say nothing of their format (`ping`, keep-alives). */
const maxUnknown = 16;

/** The decoder of a first chunk's format, or nothing when the chunk does not tell it. */
function decoderFor(chunk: JsonObject): DecoderClass | undefined {
  const type = text(chunk.type);
  if (type.startsWith("response.")) return OpenAIResponsesDecoder;
  if (type === "message_start" || type.startsWith("content_block_")) return AnthropicDecoder;
  if (Array.isArray(chunk.choices) || text(chunk.object).startsWith("chat.completion")) {
    return OpenAIChatDecoder;
  }
  const gemini = Array.isArray(chunk.candidates) || isObject(chunk.promptFeedback);
  if (gemini) return GeminiDecoder;
  return looksLikePart(chunk) ? PartsDecoder : undefined;
}

/** Reads whichever format the first chunks turn out to have. */
export class DetectingDecoder implements Decoder {
  readonly #outlet: Outlet;
  readonly #limits: DecoderLimits;
  #decoder: Decoder | undefined;
  #unknown = 0;

  constructor(outlet: Outlet, limits: DecoderLimits) {
    this.#outlet = outlet;
    this.#limits = limits;
  }

  get missing(): string {
    return this.#decoder?.missing ?? "chunk of a known format";
  }

  chunk(chunk: JsonObject): void {
    this.#decoder ??= this.#detect(chunk);
    this.#decoder?.chunk(chunk);
  }

  end(): void {
    this.#decoder?.end();
  }

  #detect(chunk: JsonObject): Decoder | undefined {
    const Decode = decoderFor(chunk);
    if (Decode) return new Decode(this.#outlet, this.#limits);
    if (chunk.type === "error" && typeof chunk.code === "string" && "retryable" in chunk) {
      return new PartsDecoder(this.#outlet);
    }
    if (saysError(chunk)) this.#outlet.fail(providerFailure(chunk));
    else if (++this.#unknown > maxUnknown) this.#giveUp();
    return undefined;
  }

  #giveUp(): void {
    const message =
      "the provider's chunks are of no known format; use the reader of the format that they have";
    this.#outlet.fail(failure("unknown-format", message));
  }
}

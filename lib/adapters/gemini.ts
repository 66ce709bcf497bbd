import type { FinishReason } from "../streaming/parts.js";
import type { Decoder, DecoderLimits } from "./decoder.js";
import { filled, isObject, type JsonObject, list, object, stringify, text } from "./json.js";
import type { Outlet } from "./outlet.js";
import { providerFailure, saysError } from "./provider-error.js";
import { ToolCalls } from "./tool-calls.js";
import { geminiUsage } from "./usage.js";

/** https://ai.google.dev/api/generate-content#FinishReason */
const reasons = new Map<string, FinishReason>([
  ["STOP", "stop"],
  ["MAX_TOKENS", "length"],
  ["SAFETY", "content-filter"],
  ["RECITATION", "content-filter"],
  ["BLOCKLIST", "content-filter"],
  ["PROHIBITED_CONTENT", "content-filter"],
  ["SPII", "content-filter"],
  ["IMAGE_SAFETY", "content-filter"],
]);

/**
 * Google's own format, `streamGenerateContent?alt=sse`. Its stream just ends after the chunk with
 * the `finishReason`: https://ai.google.dev/api/generate-content#method:-models.streamgeneratecontent
 */
export class GeminiDecoder implements Decoder {
  readonly missing = "finishReason";
  readonly #outlet: Outlet;
  readonly #tools: ToolCalls<number>;
  #id: string | undefined;
  #finish: string | undefined;

  constructor(outlet: Outlet, limits: DecoderLimits) {
    this.#outlet = outlet;
    outlet.format = "gemini";
    this.#tools = new ToolCalls(outlet, limits.maxArguments, () => this.#id);
  }

  chunk(chunk: JsonObject): void {
    this.#outlet.usage(geminiUsage(chunk.usageMetadata));
    if (saysError(chunk)) {
      this.#outlet.fail(providerFailure(chunk));
      return;
    }
    this.#id ??= filled(chunk.responseId);
    const model = filled(chunk.modelVersion);
    this.#outlet.start({ id: this.#id, model });
    const candidate = object(list(chunk.candidates)[0]);
    for (const part of list(object(candidate.content).parts)) this.#part(object(part));
    this.#sources(object(candidate.groundingMetadata));
    this.#finish = filled(candidate.finishReason) ?? this.#finish;
    this.#blocked(filled(object(chunk.promptFeedback).blockReason));
  }

  end(): void {
    const raw = this.#finish;
    if (raw === undefined) return;
    const reason = reasons.get(raw) ?? "other";
    const called = reason === "stop" && this.#tools.count > 0;
    this.#outlet.finish({ reason: called ? "tool-calls" : reason, raw });
  }

  /** The prompt itself was refused: there is no candidate then. */
  #blocked(raw: string | undefined): void {
    if (raw !== undefined) this.#outlet.finish({ reason: "content-filter", raw });
  }

  #part(part: JsonObject): void {
    if (part.thought === true) this.#outlet.reasoning(text(part.text));
    else this.#outlet.text(text(part.text));
    const signature = filled(part.thoughtSignature);
    if (signature !== undefined) this.#outlet.push({ type: "reasoning", text: "", signature });
    if (isObject(part.functionCall)) this.#call(part.functionCall);
  }

  /** Function calls come whole. */
  #call(call: JsonObject): void {
    const key = this.#tools.count;
    this.#tools.open(key, { id: filled(call.id), name: text(call.name) });
    this.#tools.close(key, stringify(call.args));
  }

  #sources(grounding: JsonObject): void {
    for (const chunk of list(grounding.groundingChunks).map(object)) {
      const web = object(chunk.web);
      const url = filled(web.uri);
      if (url !== undefined)
        this.#outlet.source({ url, title: filled(web.title), raw: chunk }, url);
    }
  }
}

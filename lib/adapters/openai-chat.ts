import type { FinishReason } from "../streaming/parts.js";
import type { Decoder, DecoderLimits } from "./decoder.js";
import { count, filled, isObject, type JsonObject, list, object, text } from "./json.js";
import { openRouterReasoning, reasoningText } from "./openai-chat-reasoning.js";
import { ChatToolCalls } from "./openai-chat-tools.js";
import type { Outlet } from "./outlet.js";
import { failure, providerFailure, saysError } from "./provider-error.js";
import { chatUsage } from "./usage.js";

const reasons = new Map<string, FinishReason>([
  ["stop", "stop"],
  ["eos", "stop"],
  ["length", "length"],
  ["model_length", "length"],
  ["max_tokens", "length"],
  ["tool_calls", "tool-calls"],
  ["function_call", "tool-calls"],
  ["content_filter", "content-filter"],
  ["refusal", "refusal"],
]);

/**
 * OpenAI's chat completions, and what servers that call themselves compatible make of them:
 * https://platform.openai.com/docs/api-reference/chat-streaming/streaming
 *
 * Of several choices (`n` > 1), the first one is read.
 */
export class OpenAIChatDecoder implements Decoder {
  readonly missing = "finish_reason";
  readonly #outlet: Outlet;
  readonly #tools: ChatToolCalls;
  #id: string | undefined;
  #finish: string | undefined;
  #refused = false;

  constructor(outlet: Outlet, limits: DecoderLimits) {
    this.#outlet = outlet;
    outlet.format = "openai";
    this.#tools = new ChatToolCalls(outlet, limits.maxArguments, () => this.#id);
  }

  chunk(chunk: JsonObject): void {
    const groq = object(chunk.x_groq);
    // Usage first: what a failed answer cost is known too.
    this.#outlet.usage(chatUsage(chunk.usage) ?? chatUsage(groq.usage));
    if (saysError(chunk)) {
      this.#outlet.fail(providerFailure(chunk));
      return;
    }
    if (filled(groq.error)) {
      this.#outlet.fail(providerFailure(groq));
      return;
    }
    this.#start(chunk);
    this.#searchResults(chunk);
    for (const choice of list(chunk.choices)) {
      if (isObject(choice) && (count(choice.index) ?? 0) === 0) this.#choice(choice);
    }
  }

  end(): void {
    const raw = this.#finish;
    if (raw === undefined) return;
    this.#tools.closeAll(raw === "length" || raw === "content_filter");
    this.#outlet.finish({ reason: this.#reason(raw), raw });
  }

  /** Azure's first chunk has neither id nor model, only what its filter thinks of the prompt. */
  #start(chunk: JsonObject): void {
    this.#id ??= filled(chunk.id);
    if (this.#outlet.started || (this.#id === undefined && list(chunk.choices).length === 0))
      return;
    const [id, model, created] = [this.#id, filled(chunk.model), count(chunk.created)];
    this.#outlet.start({ id, model, created });
  }

  #choice(choice: JsonObject): void {
    const { finish_reason: finish, error } = choice;
    if (isObject(error)) {
      this.#outlet.fail(providerFailure(error));
      return;
    }
    this.#delta(object(choice.delta));
    if (finish === "error") {
      const message = "the provider ended the answer with finish_reason error";
      this.#outlet.fail(failure("provider-error", message));
      return;
    }
    this.#finish = filled(finish) ?? this.#finish;
  }

  #delta(delta: JsonObject): void {
    this.#outlet.reasoning(reasoningText(delta));
    openRouterReasoning(delta, this.#outlet);
    if (Array.isArray(delta.content)) this.#content(delta.content);
    else this.#outlet.text(text(delta.content));
    const refusal = text(delta.refusal);
    this.#refused ||= refusal !== "";
    this.#outlet.refusal(refusal);
    this.#tools.take(delta);
    for (const annotation of list(delta.annotations)) this.#annotation(object(annotation));
  }

  /** Mistral's content: https://docs.mistral.ai/capabilities/reasoning */
  #content(items: readonly unknown[]): void {
    for (const item of items.map(object)) {
      if (item.type === "text") this.#outlet.text(text(item.text));
      if (item.type !== "thinking") continue;
      for (const thought of list(item.thinking)) this.#outlet.reasoning(text(object(thought).text));
    }
  }

  #annotation(annotation: JsonObject): void {
    if (annotation.type !== "url_citation") return;
    const citation = object(annotation.url_citation);
    const [url, title] = [filled(citation.url), filled(citation.title)];
    if (url === undefined) return;
    const [start, end] = [count(citation.start_index), count(citation.end_index)];
    this.#outlet.source({ url, title, start, end, raw: annotation }, `${url} ${start} ${end}`);
  }

  /** Perplexity and xAI repeat these in every chunk. */
  #searchResults(chunk: JsonObject): void {
    for (const result of list(chunk.search_results).map(object)) {
      const url = filled(result.url);
      if (url === undefined) continue;
      const [title, cited] = [filled(result.title), filled(result.snippet)];
      this.#outlet.source({ url, title, text: cited, raw: result }, url);
    }
    for (const citation of list(chunk.citations)) {
      const url = filled(citation);
      if (url !== undefined) this.#outlet.source({ url }, url);
    }
  }

  /** Some servers say `stop` after tool calls; OpenAI says it after a refusal. */
  #reason(raw: string): FinishReason {
    const reason = reasons.get(raw) ?? "other";
    if (reason !== "stop") return reason;
    if (this.#tools.count > 0) return "tool-calls";
    return this.#refused ? "refusal" : "stop";
  }
}

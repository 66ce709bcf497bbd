import type { FinishReason } from "../streaming/parts.js";
import type { Decoder, DecoderLimits } from "./decoder.js";
import { count, filled, type JsonObject, list, object } from "./json.js";
import { ResponseItems } from "./openai-responses-items.js";
import type { Outlet } from "./outlet.js";
import { failure, providerFailure, saysError } from "./provider-error.js";
import { responsesUsage } from "./usage.js";

/**
 * OpenAI's Responses: https://platform.openai.com/docs/api-reference/responses-streaming
 *
 * Whatever only the closing events of an item or of the response tell is taken from them.
 */
export class OpenAIResponsesDecoder implements Decoder {
  readonly missing = "response.completed";
  readonly #outlet: Outlet;
  readonly #items: ResponseItems;
  #id: string | undefined;

  constructor(outlet: Outlet, limits: DecoderLimits) {
    this.#outlet = outlet;
    outlet.format = "openai-responses";
    this.#items = new ResponseItems(outlet, limits.maxArguments, () => this.#id);
  }

  chunk(event: JsonObject): void {
    // Flat from OpenAI, nested from gateways.
    if (saysError(event)) {
      this.#outlet.fail(providerFailure(event));
      return;
    }
    const response = object(event.response);
    switch (event.type) {
      case "response.created":
      case "response.in_progress":
      case "response.queued":
        this.#start(response);
        break;
      case "response.completed":
      case "response.incomplete":
      case "response.failed":
      case "response.cancelled":
        this.#finish(response, event.type.slice("response.".length));
        break;
      default:
        this.#items.take(event);
        break;
    }
  }

  end(): void {}

  #start(response: JsonObject): void {
    this.#id = filled(response.id) ?? this.#id;
    const [model, created] = [filled(response.model), count(response.created_at)];
    this.#outlet.start({ id: this.#id, model, created });
  }

  #finish(response: JsonObject, type: string): void {
    const status = filled(response.status) ?? type;
    this.#start(response);
    this.#outlet.usage(responsesUsage(response.usage));
    if (status === "completed" || status === "incomplete") {
      this.#whole(response, status);
    } else if (status === "cancelled") {
      this.#outlet.abort("the response was cancelled");
    } else if (status === "failed") {
      this.#outlet.fail(providerFailure(response.error));
    } else {
      const message = `the provider ended the answer with status ${status.slice(0, 100)}`;
      this.#outlet.fail(failure("provider-error", message));
    }
  }

  #whole(response: JsonObject, status: "completed" | "incomplete"): void {
    for (const [index, item] of list(response.output).entries()) {
      this.#items.settle(object(item), index);
    }
    this.#items.closeAll(status === "incomplete");
    const raw = filled(object(response.incomplete_details).reason) ?? status;
    const reason = status === "completed" ? this.#reason() : incompleteReasons.get(raw);
    this.#outlet.finish({ reason: reason ?? "other", raw });
  }

  #reason(): FinishReason {
    if (this.#items.toolsForApplication) return "tool-calls";
    return this.#items.refused ? "refusal" : "stop";
  }
}

const incompleteReasons = new Map<string, FinishReason>([
  ["max_output_tokens", "length"],
  ["content_filter", "content-filter"],
]);

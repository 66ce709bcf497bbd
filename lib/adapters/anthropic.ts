import type { FinishReason } from "../streaming/parts.js";
import type { Decoder, DecoderLimits } from "./decoder.js";
import { count, defined, filled, type JsonObject, list, object, stringify, text } from "./json.js";
import type { Outlet } from "./outlet.js";
import { failure, providerFailure, saysError } from "./provider-error.js";
import { ToolCalls } from "./tool-calls.js";
import { anthropicUsage } from "./usage.js";

/** https://platform.claude.com/docs/en/build-with-claude/handling-stop-reasons */
const reasons = new Map<string, FinishReason>([
  ["end_turn", "stop"],
  ["stop_sequence", "stop"],
  ["max_tokens", "length"],
  ["model_context_window_exceeded", "length"],
  ["tool_use", "tool-calls"],
  ["pause_turn", "pause"],
  ["refusal", "refusal"],
]);

const maxBlocks = 4096;
const maxUsageKeys = 64;

/** Anthropic's messages: https://platform.claude.com/docs/en/build-with-claude/streaming */
export class AnthropicDecoder implements Decoder {
  readonly missing = "message_stop";
  readonly #outlet: Outlet;
  readonly #tools: ToolCalls<number>;
  /** The number of each open content block, by the provider's `index`. */
  readonly #blocks = new Map<number, number>();
  #blockCount = 0;
  /** The names of tools that the provider runs, for their results. */
  readonly #serverTools = new Map<string, string>();
  #id: string | undefined;
  readonly #usage = new Map<string, unknown>();
  #stop: JsonObject = {};

  constructor(outlet: Outlet, limits: DecoderLimits) {
    this.#outlet = outlet;
    outlet.format = "anthropic";
    this.#tools = new ToolCalls(outlet, limits.maxArguments, () => this.#id);
  }

  chunk(event: JsonObject): void {
    if (saysError(event)) {
      this.#outlet.fail(providerFailure(event));
      return;
    }
    const index = count(event.index) ?? 0;
    switch (event.type) {
      case "message_start":
        this.#start(object(event.message));
        break;
      case "content_block_start":
        this.#open(index, object(event.content_block));
        break;
      case "content_block_delta":
        this.#delta(index, object(event.delta));
        break;
      case "content_block_stop":
        this.#close(index);
        break;
      case "message_delta":
        this.#message(event);
        break;
      case "message_stop":
        this.#finish();
        break;
      default:
      // `ping`, and whatever is newer than this.
    }
  }

  end(): void {
    if (filled(this.#stop.stop_reason)) this.#finish();
  }

  #start(message: JsonObject): void {
    this.#id = filled(message.id);
    this.#outlet.start({ id: this.#id, model: filled(message.model) });
    this.#count(message.usage);
    // Its `content` says nothing: the SDK's stream helper fills it in while the events wait.
  }

  #open(index: number, block: JsonObject): void {
    if (this.#blocks.size >= maxBlocks) {
      const message = `the provider sent more than ${maxBlocks} open content blocks`;
      this.#outlet.fail(failure("too-large", message));
      return;
    }
    this.#close(index);
    const number = this.#blockCount++;
    this.#blocks.set(index, number);
    const type = text(block.type);
    if (type === "text") this.#text(block, number);
    else if (type === "thinking") this.#thinking(block, number);
    else if (type === "redacted_thinking") {
      const part = { type: "reasoning", text: "", block: number } as const;
      this.#outlet.push({ ...part, redacted: text(block.data) });
    } else if (type.endsWith("tool_use")) this.#tool(index, block);
    else if (type.endsWith("tool_result")) this.#result(block);
  }

  #text(block: JsonObject, number: number): void {
    this.#outlet.text(text(block.text), number);
    for (const citation of list(block.citations)) this.#cite(object(citation), number);
  }

  #thinking(block: JsonObject, number: number): void {
    this.#outlet.reasoning(text(block.thinking), number);
    this.#sign(filled(block.signature), number);
  }

  #sign(signature: string | undefined, block: number | undefined): void {
    if (!signature) return;
    this.#outlet.push({ type: "reasoning", text: "", ...defined({ block }), signature });
  }

  /** `tool_use`; what the provider runs itself is a `server_tool_use` or `mcp_tool_use`. */
  #tool(index: number, block: JsonObject): void {
    const [id, name] = [filled(block.id), text(block.name)];
    const providerExecuted = block.type === "tool_use" ? undefined : true;
    if (providerExecuted && id && this.#serverTools.size < maxBlocks)
      this.#serverTools.set(id, name);
    const input = object(block.input);
    const whole = Object.keys(input).length > 0 ? stringify(input) : undefined;
    const raw = providerExecuted && block;
    this.#tools.open(index, { id, name, providerExecuted, whole, raw });
  }

  #result(block: JsonObject): void {
    const id = text(block.tool_use_id);
    const name = this.#serverTools.get(id) ?? text(block.type).replace(/_tool_result$/, "");
    const failed = block.is_error === true || text(object(block.content).type).endsWith("_error");
    this.#outlet.push({
      type: "tool-result",
      id,
      name,
      result: block.content ?? null,
      ...defined({ isError: failed ? (true as const) : undefined }),
      providerExecuted: true,
      raw: block,
    });
  }

  #delta(index: number, delta: JsonObject): void {
    const number = this.#blocks.get(index);
    switch (delta.type) {
      case "text_delta":
        this.#outlet.text(text(delta.text), number);
        break;
      case "thinking_delta":
        this.#outlet.reasoning(text(delta.thinking), number);
        break;
      case "signature_delta":
        this.#sign(filled(delta.signature), number);
        break;
      case "input_json_delta":
        this.#tools.delta(index, text(delta.partial_json));
        break;
      case "citations_delta":
        this.#cite(object(delta.citation), number);
        break;
      default:
      // Newer than this.
    }
  }

  /** https://platform.claude.com/docs/en/build-with-claude/citations */
  #cite(citation: JsonObject, block: number | undefined): void {
    this.#outlet.source({
      url: filled(citation.url) ?? urlIn(citation.source),
      title: filled(citation.title) ?? filled(citation.document_title),
      text: filled(citation.cited_text),
      block,
      raw: citation,
    });
  }

  #close(index: number): void {
    this.#blocks.delete(index);
    this.#tools.close(index);
  }

  #message({ delta, usage }: JsonObject): void {
    const stop = object(delta);
    if (filled(stop.stop_reason)) this.#stop = stop;
    this.#count(usage);
  }

  /** Totals of the message so far, of which later events repeat those that changed. */
  #count(usage: unknown): void {
    for (const [key, value] of Object.entries(object(usage))) {
      const room = this.#usage.has(key) || this.#usage.size < maxUsageKeys;
      if (value !== null && room) this.#usage.set(key, value);
    }
    // Unlike assignment, this makes a key named __proto__ a key like any other.
    this.#outlet.usage(anthropicUsage(Object.fromEntries(this.#usage)));
  }

  #finish(): void {
    const { stop_reason, stop_sequence, stop_details } = this.#stop;
    const raw = filled(stop_reason);
    const reason = reasons.get(raw ?? "") ?? "other";
    this.#tools.closeAll(reason === "length");
    const details = stop_details ?? undefined;
    this.#outlet.finish({
      reason,
      ...defined({ raw, stopSequence: filled(stop_sequence), details }),
    });
  }
}

/** A search result's `source` is whatever the application gave: often a URL. */
function urlIn(source: unknown): string | undefined {
  return /^https?:\/\//.test(text(source)) ? text(source) : undefined;
}

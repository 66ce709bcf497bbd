import type {
  FinishPart,
  FinishReason,
  ReasoningPart,
  RefusalPart,
  SourcePart,
  TextPart,
  ToolCallDeltaPart,
  ToolCallPart,
  ToolCallStartPart,
  ToolResultPart,
  Usage,
} from "../parts.js";
import { anthropicCitation, ownBlock, serverResult, serverToolUse } from "./anthropic-blocks.js";
import { customInput } from "./custom-tool.js";
import { type Envelope, opened } from "./wire-event.js";
import { type Failure, PartWriter } from "./writer.js";

const stopReasons: Record<FinishReason, string> = {
  stop: "end_turn",
  length: "max_tokens",
  "tool-calls": "tool_use",
  "content-filter": "refusal",
  refusal: "refusal",
  pause: "pause_turn",
  error: "end_turn",
  other: "end_turn",
};

/** https://platform.claude.com/docs/en/api/errors */
const errorTypes = new Map<string, string>([
  ["invalid-request", "invalid_request_error"],
  ["authentication", "authentication_error"],
  ["permission", "permission_error"],
  ["not-found", "not_found_error"],
  ["rate-limit", "rate_limit_error"],
  ["quota", "billing_error"],
  ["overloaded", "overloaded_error"],
  ["timeout", "timeout_error"],
  ["aborted", "aborted"],
]);

/** The text or thinking block that is open. */
interface OpenBlock {
  kind: "text" | "thinking";
  index: number;
  /** As in the parts. */
  block: number | undefined;
  envelope: Envelope;
}

interface OpenTool {
  index: number;
  envelope: Envelope;
  custom: boolean;
}

/**
 * Anthropic's messages: https://platform.claude.com/docs/en/build-with-claude/streaming
 *
 * A refusal is text, and `stop_reason` says what it is. Tools that the provider ran are its own
 * blocks if it was Anthropic, and MCP blocks of the server "provider" otherwise. Metadata, results
 * of the application's tools, and sources after which no text comes have no place in a message.
 */
export class AnthropicWriter extends PartWriter {
  protected readonly idPrefix = "msg_";
  #blocks = 0;
  #open: OpenBlock | undefined;
  readonly #tools = new Map<string, OpenTool>();
  /** The highest block number of the parts so far. */
  #seen = -1;
  /** Sources that came before the text that cites them. */
  #pending: SourcePart[] = [];

  protected start(): void {
    const message = {
      id: this.id,
      type: "message",
      role: "assistant",
      model: this.model,
      content: [],
      stop_reason: null,
      stop_sequence: null,
      // Known at the end only: `message_delta` tells.
      usage: { input_tokens: 0, output_tokens: 0 },
    };
    this.#event({ type: "message_start", message });
  }

  protected text({ text, block }: TextPart): void {
    this.emitDelta(this.#openBlock("text", block).envelope, text);
  }

  protected refusal({ text }: RefusalPart): void {
    this.emitDelta(this.#openBlock("text", undefined).envelope, text);
  }

  protected reasoning({ text, block, signature, redacted }: ReasoningPart): void {
    if (redacted !== undefined) {
      this.#close();
      this.#whole({ type: "redacted_thinking", data: redacted });
    }
    if (text === "" && signature === undefined) return;
    const { envelope, index } = this.#openBlock("thinking", block);
    if (text !== "") this.emitDelta(envelope, text);
    if (signature === undefined) return;
    this.#blockDelta(index, { type: "signature_delta", signature });
  }

  protected toolStart({ id, name, providerExecuted, custom }: ToolCallStartPart): void {
    if (providerExecuted) return;
    const index = this.#begin({ type: "tool_use", id, name, input: {} });
    const envelope = deltaEnvelope(index, "input_json_delta", "partial_json");
    this.#tools.set(id, { index, envelope, custom: custom === true });
    if (custom) this.emitDelta(envelope, customInput.begin);
  }

  protected toolDelta({ id, delta }: ToolCallDeltaPart): void {
    const tool = this.#tools.get(id);
    if (tool) this.emitDelta(tool.envelope, tool.custom ? customInput.piece(delta) : delta);
  }

  protected toolCall(part: ToolCallPart): void {
    if (part.providerExecuted) this.#serverTool(part);
    const tool = this.#tools.get(part.id);
    if (!tool) return;
    if (tool.custom) this.emitDelta(tool.envelope, customInput.end);
    this.#tools.delete(part.id);
    this.#event({ type: "content_block_stop", index: tool.index });
  }

  protected toolResult(part: ToolResultPart): void {
    if (!part.providerExecuted) return;
    this.#whole(ownBlock(this.format, part.raw) ?? serverResult(part));
  }

  protected source(part: SourcePart): void {
    const { block } = part;
    if (block !== undefined && block > this.#seen) this.#openBlock("text", block);
    if (this.#open?.kind === "text") this.#cite(this.#open.index, part);
    else this.#pending.push(part);
  }

  protected metadata(): void {}

  protected finish({ reason, raw, stopSequence, details }: FinishPart): void {
    this.#close();
    for (const { index } of this.#tools.values()) {
      this.#event({ type: "content_block_stop", index });
    }
    const own = this.format === "anthropic";
    const stopReason = stopSequence === undefined ? stopReasons[reason] : "stop_sequence";
    this.#messageDelta({
      stop_reason: own && raw ? raw : stopReason,
      stop_sequence: stopSequence ?? null,
      stop_details: own ? details : undefined,
    });
    this.#event({ type: "message_stop" });
  }

  protected fail({ code, text }: Failure): void {
    if (this.usage) {
      this.begin();
      this.#messageDelta({ stop_reason: null, stop_sequence: null });
    }
    const error = { type: errorTypes.get(code) ?? "api_error", message: text };
    this.#event({ type: "error", error });
  }

  #messageDelta(delta: object): void {
    this.#event({ type: "message_delta", delta, usage: messageUsage(this.usage) });
  }

  /** The API streams the input of its own tools; SDKs put no deltas together for MCP. */
  #serverTool(part: ToolCallPart): void {
    const own = ownBlock(this.format, part.raw);
    if (own?.type !== "server_tool_use") {
      this.#whole(own ? { ...own, input: part.input ?? {} } : serverToolUse(part));
      return;
    }
    const index = this.#begin({ ...own, input: {} });
    this.emitDelta(deltaEnvelope(index, "input_json_delta", "partial_json"), part.arguments);
    this.#event({ type: "content_block_stop", index });
  }

  #openBlock(kind: OpenBlock["kind"], block: number | undefined): OpenBlock {
    const open = this.#open;
    if (open && open.kind === kind && open.block === block) return open;
    const index = this.#begin(
      kind === "text"
        ? { type: "text", text: "" }
        : { type: "thinking", thinking: "", signature: "" },
    );
    if (block !== undefined) this.#seen = Math.max(this.#seen, block);
    const envelope = deltaEnvelope(index, `${kind}_delta`, kind);
    const begun = { kind, index, block, envelope };
    this.#open = begun;
    if (kind === "text") this.#citePending(index);
    return begun;
  }

  /** Starts a block; text and thinking end where another block begins. */
  #begin(content_block: object): number {
    this.#close();
    const index = this.#blocks++;
    this.#event({ type: "content_block_start", index, content_block });
    return index;
  }

  #whole(content_block: object): void {
    const index = this.#begin(content_block);
    this.#event({ type: "content_block_stop", index });
  }

  #close(): void {
    if (!this.#open) return;
    this.#event({ type: "content_block_stop", index: this.#open.index });
    this.#open = undefined;
  }

  #citePending(index: number): void {
    for (const source of this.#pending) this.#cite(index, source);
    this.#pending = [];
  }

  #cite(index: number, part: SourcePart): void {
    const citation = ownBlock(this.format, part.raw) ?? anthropicCitation(part);
    this.#blockDelta(index, { type: "citations_delta", citation });
  }

  #blockDelta(index: number, delta: object): void {
    this.#event({ type: "content_block_delta", index, delta });
  }

  #event(data: { type: string; [field: string]: unknown }): void {
    this.emit(data, data.type);
  }
}

function deltaEnvelope(index: number, type: string, field: string): Envelope {
  return {
    event: "content_block_delta",
    before: `${opened({ type: "content_block_delta", index })},"delta":{"type":"${type}","${field}":"`,
    after: '"}}',
  };
}

/** Anthropic's `input_tokens` leave out those read from and written to the cache. */
function messageUsage(usage: Usage | undefined): object {
  if (!usage) return { output_tokens: 0 };
  const { inputTokens, outputTokens, cachedInputTokens, cacheWriteTokens, reasoningTokens } = usage;
  const fresh = inputTokens - (cachedInputTokens ?? 0) - (cacheWriteTokens ?? 0);
  return {
    input_tokens: Math.max(0, fresh),
    cache_read_input_tokens: cachedInputTokens,
    cache_creation_input_tokens: cacheWriteTokens,
    output_tokens: outputTokens,
    ...(reasoningTokens !== undefined && {
      output_tokens_details: { thinking_tokens: reasoningTokens },
    }),
  };
}

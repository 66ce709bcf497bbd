import type {
  FinishPart,
  MetadataPart,
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
import { openAIError } from "./openai-error.js";
import { type ItemSink, type OpenItem, ownItem, type Place } from "./responses-item.js";
import { MessageItem } from "./responses-message.js";
import { ReasoningItem } from "./responses-reasoning.js";
import { brief, providerCall, ToolItem } from "./responses-tool.js";
import { opened } from "./wire-event.js";
import { type Failure, PartWriter } from "./writer.js";

/** The closing events repeat the whole answer; an answer that has more characters fails. */
const maxChars = 16 * 1024 * 1024;

/**
 * OpenAI's Responses: https://platform.openai.com/docs/api-reference/responses-streaming
 *
 * Tools that the provider ran are its own items if it was OpenAI, and MCP calls of the server
 * "provider" otherwise. Metadata comes with the end, in the response's `metadata`. Results of the
 * application's tools, and sources after which no text comes, have no place in a response.
 */
export class OpenAIResponsesWriter extends PartWriter {
  protected readonly idPrefix = "resp_";
  #number = 0;
  readonly #output: unknown[] = [];
  #message: MessageItem | undefined;
  #thought: ReasoningItem | undefined;
  readonly #tools = new Map<string, ToolItem>();
  /** Calls that the provider runs, until their results come. */
  readonly #running = new Map<string, ToolCallPart>();
  #pending: SourcePart[] = [];
  #metadata: Record<string, string> = {};
  /** The highest block number of the parts so far. */
  #seen = -1;
  #chars = 0;
  #refused = false;
  readonly #sink: ItemSink = {
    emit: (type, fields) => this.#event(type, fields),
    envelope: (type, place) => ({
      event: type,
      before: `${opened({ type, ...place })},"delta":"`,
      after: '","sequence_number":',
    }),
    delta: (envelope, text) => this.emitDelta(envelope, text, this.#number++),
  };

  protected start(): void {
    this.#event("response.created", { response: this.#response("in_progress") });
    this.#event("response.in_progress", { response: this.#response("in_progress") });
  }

  protected text({ text, block }: TextPart): void {
    if (this.#keep(text)) this.#openText(block).text(text);
  }

  protected refusal({ text }: RefusalPart): void {
    this.#refused = true;
    if (this.#keep(text)) this.#openMessage().refusal(text);
  }

  protected reasoning(part: ReasoningPart): void {
    if (!this.#keep(part.text)) return;
    if (part.block !== undefined) this.#seen = Math.max(this.#seen, part.block);
    if (this.#thought?.continues(part) !== true) {
      this.#close();
      this.#thought = new ReasoningItem(this.#sink, this.#place("rs_"));
    }
    this.#thought.add(part);
  }

  protected toolStart(part: ToolCallStartPart): void {
    if (part.providerExecuted) return;
    this.#close();
    const place = this.#place(part.custom ? "ctc_" : "fc_", part.itemId);
    this.#tools.set(part.id, new ToolItem(this.#sink, place, part));
  }

  protected toolDelta({ id, delta }: ToolCallDeltaPart): void {
    const tool = this.#tools.get(id);
    if (tool && this.#keep(delta)) tool.add(delta);
  }

  protected toolCall(part: ToolCallPart): void {
    const tool = this.#tools.get(part.id);
    this.#tools.delete(part.id);
    // Arguments that were cut short are not there to be used.
    if (tool) this.#done(tool, part.input === undefined ? "incomplete" : "completed");
    if (!part.providerExecuted) return;
    const own = ownItem(this.format, part.raw);
    if (own) this.#whole(own);
    else this.#running.set(part.id, part);
  }

  protected toolResult(part: ToolResultPart): void {
    const call = this.#running.get(part.id);
    if (!call) return;
    this.#running.delete(part.id);
    this.#whole(providerCall(call, part));
  }

  protected source(part: SourcePart): void {
    const { block } = part;
    if (block !== undefined && block > this.#seen) this.#openText(block);
    if (this.#message?.cites) this.#message.cite(part, this.format);
    else this.#pending.push(part);
  }

  protected metadata({ data }: MetadataPart): void {
    for (const [key, value] of Object.entries(data)) {
      const text = typeof value === "string" ? value : JSON.stringify(value);
      if (text !== undefined) this.#metadata = { ...this.#metadata, [key]: text };
    }
  }

  protected finish({ reason }: FinishPart): void {
    const why = reason === "refusal" && !this.#refused ? "content-filter" : reason;
    const cut = why === "length" || why === "content-filter";
    this.#closeAll(cut ? "incomplete" : "completed");
    if (!cut) {
      this.#event("response.completed", { response: this.#response("completed") });
      return;
    }
    const details = { reason: why === "length" ? "max_output_tokens" : "content_filter" };
    const response = this.#response("incomplete", { incomplete_details: details });
    this.#event("response.incomplete", { response });
  }

  /** SDKs know no `response.cancelled`: an abort is a response that is incomplete. */
  protected fail({ code, text, aborted }: Failure): void {
    this.begin();
    this.#closeAll("incomplete");
    if (aborted) {
      const response = this.#response("cancelled", { incomplete_details: { reason: "cancelled" } });
      this.#event("response.incomplete", { response });
      return;
    }
    const error = { code: openAIError(code).code, message: text };
    this.#event("response.failed", { response: this.#response("failed", { error }) });
  }

  #response(status: string, more: object = {}): object {
    return {
      id: this.id,
      object: "response",
      created_at: this.created,
      status,
      error: null,
      incomplete_details: null,
      instructions: null,
      metadata: this.#metadata,
      model: this.model,
      output: this.#output.filter((item) => item !== null),
      parallel_tool_calls: true,
      temperature: null,
      tool_choice: "auto",
      tools: [],
      top_p: null,
      usage: this.usage ? responsesUsage(this.usage) : null,
      ...more,
    };
  }

  #event(type: string, fields: object): void {
    this.emit({ type, ...fields, sequence_number: this.#number }, type);
    this.#number++;
  }

  #keep(text: string): boolean {
    this.#chars += text.length;
    if (this.#chars <= maxChars) return true;
    this.giveUp("too-large", `more than ${maxChars} characters`);
    return false;
  }

  /** The next place in the output. Made-up ids are the same whenever the answer is written again. */
  #place(prefix: string, id?: string): Place {
    const output_index = this.#output.push(null) - 1;
    return { item_id: id ?? `${prefix}${this.id}_${output_index}`, output_index };
  }

  #openMessage(): MessageItem {
    if (this.#message) return this.#message;
    this.#close();
    this.#message = new MessageItem(this.#sink, this.#place("msg_"));
    return this.#message;
  }

  #openText(block: number | undefined): MessageItem {
    if (block !== undefined) this.#seen = Math.max(this.#seen, block);
    const message = this.#openMessage();
    message.openText(block);
    if (this.#pending.length > 0) this.#citePending(message);
    return message;
  }

  #citePending(message: MessageItem): void {
    for (const source of this.#pending) message.cite(source, this.format);
    this.#pending = [];
  }

  #close(status: "completed" | "incomplete" = "completed"): void {
    const item = this.#message ?? this.#thought;
    this.#message = undefined;
    this.#thought = undefined;
    if (item) this.#done(item, status);
  }

  #closeAll(status: "completed" | "incomplete"): void {
    this.#close(status);
    for (const tool of this.#tools.values()) this.#done(tool, "incomplete");
    this.#tools.clear();
    for (const call of this.#running.values()) this.#whole(providerCall(call));
    this.#running.clear();
  }

  #done(open: OpenItem, status: "completed" | "incomplete"): void {
    const { output_index } = open.place;
    const item = open.end(status);
    this.#output[output_index] = item;
    this.#event("response.output_item.done", { output_index, item });
  }

  #whole(item: object): void {
    this.#close();
    const { output_index } = this.#place("");
    this.#event("response.output_item.added", { output_index, item: brief(item) });
    this.#event("response.output_item.done", { output_index, item });
    this.#output[output_index] = item;
  }
}

function responsesUsage(usage: Usage): object {
  return {
    input_tokens: usage.inputTokens,
    input_tokens_details: { cached_tokens: usage.cachedInputTokens ?? 0 },
    output_tokens: usage.outputTokens,
    output_tokens_details: { reasoning_tokens: usage.reasoningTokens ?? 0 },
    total_tokens: usage.totalTokens,
  };
}

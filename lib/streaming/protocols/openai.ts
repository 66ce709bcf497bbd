import type {
  FinishPart,
  FinishReason,
  MetadataPart,
  ReasoningPart,
  RefusalPart,
  SourcePart,
  TextPart,
  ToolCallDeltaPart,
  ToolCallPart,
  ToolCallStartPart,
  Usage,
} from "../parts.js";
import { customInput } from "./custom-tool.js";
import { openAIError } from "./openai-error.js";
import { type Envelope, opened } from "./wire-event.js";
import { type Failure, PartWriter } from "./writer.js";

const reasons: Record<FinishReason, string> = {
  stop: "stop",
  length: "length",
  "tool-calls": "tool_calls",
  "content-filter": "content_filter",
  refusal: "content_filter",
  pause: "stop",
  error: "stop",
  other: "stop",
};

interface OpenTool {
  envelope: Envelope;
  custom: boolean;
}

/**
 * OpenAI's chat completions: https://platform.openai.com/docs/api-reference/chat-streaming
 *
 * Reasoning is `reasoning_content`, as DeepSeek has it; sources with a URL come as `annotations` of
 * the last delta; metadata in a chunk of its own. Tools that the provider ran, and results of any,
 * are left out: clients would run what they find in `tool_calls`.
 */
export class OpenAIChatWriter extends PartWriter {
  protected readonly idPrefix = "chatcmpl-";
  #content: Envelope | undefined;
  #thought: Envelope | undefined;
  #refused: Envelope | undefined;
  readonly #tools = new Map<string, OpenTool>();
  readonly #annotations: object[] = [];
  #toolCount = 0;

  protected start(): void {
    this.#delta({ role: "assistant", content: "" });
  }

  protected text({ text }: TextPart): void {
    this.#content ??= this.#envelope('{"content":"', '"}');
    this.emitDelta(this.#content, text);
  }

  protected reasoning({ text }: ReasoningPart): void {
    if (text === "") return;
    this.#thought ??= this.#envelope('{"reasoning_content":"', '"}');
    this.emitDelta(this.#thought, text);
  }

  protected refusal({ text }: RefusalPart): void {
    this.#refused ??= this.#envelope('{"refusal":"', '"}');
    this.emitDelta(this.#refused, text);
  }

  protected toolStart({ id, name, providerExecuted, custom }: ToolCallStartPart): void {
    if (providerExecuted) return;
    const index = this.#toolCount++;
    const before = `{"tool_calls":[{"index":${index},"function":{"arguments":"`;
    this.#tools.set(id, { envelope: this.#envelope(before, '"}}]}'), custom: custom === true });
    const begin = custom ? customInput.begin : "";
    const call = { index, id, type: "function", function: { name, arguments: begin } };
    this.#delta({ tool_calls: [call] });
  }

  protected toolDelta({ id, delta }: ToolCallDeltaPart): void {
    const tool = this.#tools.get(id);
    if (tool) this.emitDelta(tool.envelope, tool.custom ? customInput.piece(delta) : delta);
  }

  protected toolCall({ id }: ToolCallPart): void {
    const tool = this.#tools.get(id);
    if (tool?.custom) this.emitDelta(tool.envelope, customInput.end);
    this.#tools.delete(id);
  }

  protected toolResult(): void {}

  protected source({ url, title, start, end }: SourcePart): void {
    if (url === undefined) return;
    const citation = { url, title: title ?? "", start_index: start ?? 0, end_index: end ?? 0 };
    this.#annotations.push({ type: "url_citation", url_citation: citation });
  }

  protected metadata({ data }: MetadataPart): void {
    this.emit({ ...this.#head(), choices: [], metadata: data });
  }

  protected finish({ reason }: FinishPart): void {
    const annotations = this.#annotations.length > 0 ? this.#annotations : undefined;
    // OpenAI itself says `stop` after a refusal that it has sent.
    const refused = reason === "refusal" && this.#refused !== undefined;
    this.#delta({ annotations }, refused ? "stop" : reasons[reason]);
    this.#usage();
    this.emitDone();
  }

  protected fail({ code, text }: Failure): void {
    this.#usage();
    const { type, code: word } = openAIError(code);
    this.emit({ error: { message: text, type, param: null, code: word } });
    this.emitDone();
  }

  #usage(): void {
    if (!this.usage) return;
    this.begin();
    this.emit({ ...this.#head(), choices: [], usage: chatUsage(this.usage) });
  }

  #head(): object {
    const { id, created, model } = this;
    return { id, object: "chat.completion.chunk", created, model };
  }

  #delta(delta: object, finish_reason: string | null = null): void {
    this.emit({ ...this.#head(), choices: [{ index: 0, delta, finish_reason }] });
  }

  #envelope(before: string, after: string): Envelope {
    return {
      before: `${opened(this.#head())},"choices":[{"index":0,"delta":${before}`,
      after: `${after},"finish_reason":null}]}`,
    };
  }
}

function chatUsage(usage: Usage): object {
  const { inputTokens, outputTokens, totalTokens, cachedInputTokens, reasoningTokens } = usage;
  return {
    prompt_tokens: inputTokens,
    completion_tokens: outputTokens,
    total_tokens: totalTokens,
    ...(cachedInputTokens !== undefined && {
      prompt_tokens_details: { cached_tokens: cachedInputTokens },
    }),
    ...(reasoningTokens !== undefined && {
      completion_tokens_details: { reasoning_tokens: reasoningTokens },
    }),
  };
}

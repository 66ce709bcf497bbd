import type {
  AnswerFormat,
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
  ToolResultPart,
  Usage,
} from "../parts.js";
import { isRefused } from "./ai-sdk-json.js";
import { type Envelope, opened } from "./wire-event.js";
import { type Failure, PartWriter } from "./writer.js";

const reasons: Record<FinishReason, string> = {
  stop: "stop",
  length: "length",
  "tool-calls": "tool-calls",
  "content-filter": "content-filter",
  refusal: "content-filter",
  pause: "other",
  error: "error",
  other: "other",
};

/** The text or reasoning that is open. */
interface OpenBlock {
  kind: "text" | "reasoning";
  id: string;
  /** As in the parts. */
  block: number | undefined;
  envelope: Envelope;
  /** For the end of reasoning: what its provider wants back. */
  providerMetadata: object | undefined;
}

/**
 * The Vercel AI SDK's UI message stream, version 1, which `useChat` reads:
 * https://ai-sdk.dev/docs/ai-sdk-ui/stream-protocol
 *
 * A refusal is text, and `finishReason` says `content-filter`. Signatures are where the AI SDK's
 * own providers look for them. Usage is in the `usage` of the message's metadata.
 */
export class AiSdkWriter extends PartWriter {
  protected readonly idPrefix = "msg_";
  #blocks = 0;
  #open: OpenBlock | undefined;
  readonly #tools = new Map<string, Envelope>();
  /** Whether the application has run tools: what comes next is the model's next step. */
  #stepEnds = false;

  protected start(): void {
    this.emit({ type: "start", messageId: this.id });
    this.emit({ type: "start-step" });
  }

  protected text({ text, block }: TextPart): void {
    this.emitDelta(this.#openBlock("text", block).envelope, text);
  }

  protected refusal({ text }: RefusalPart): void {
    this.emitDelta(this.#openBlock("text", undefined).envelope, text);
  }

  protected reasoning({ text, block, signature, redacted, itemId }: ReasoningPart): void {
    if (redacted !== undefined) {
      this.#close();
      const open = this.#openBlock("reasoning", block);
      open.providerMetadata = redactedMetadata(this.format, redacted);
      this.#close();
    }
    if (text === "" && signature === undefined) return;
    const open = this.#openBlock("reasoning", block);
    if (text !== "") this.emitDelta(open.envelope, text);
    if (signature === undefined) return;
    open.providerMetadata = signatureMetadata(this.format, signature, itemId);
  }

  protected toolStart(part: ToolCallStartPart): void {
    const { id: toolCallId, name: toolName, providerExecuted, custom } = part;
    this.#content();
    this.#close();
    const type = "tool-input-delta";
    const before = `${opened({ type, toolCallId })},"inputTextDelta":"`;
    this.#tools.set(toolCallId, { before, after: '"}' });
    const inputEncoding = custom ? "text" : undefined;
    this.emit({ type: "tool-input-start", toolCallId, toolName, providerExecuted, inputEncoding });
  }

  protected toolDelta({ id, delta }: ToolCallDeltaPart): void {
    const envelope = this.#tools.get(id);
    if (envelope) this.emitDelta(envelope, delta);
  }

  protected toolCall(part: ToolCallPart): void {
    const { id: toolCallId, name: toolName, input, providerExecuted } = part;
    this.#tools.delete(toolCallId);
    const call = { toolCallId, toolName, providerExecuted };
    const refused = isRefused(input);
    if (input !== undefined && !refused) {
      this.emit({ type: "tool-input-available", ...call, input });
      return;
    }
    const errorText = refused ? "The input has forbidden keys." : "The input is not JSON.";
    this.emit({ type: "tool-input-error", ...call, input: part.arguments, errorText });
  }

  protected toolResult(part: ToolResultPart): void {
    const { id: toolCallId, result, isError, providerExecuted } = part;
    if (!providerExecuted) this.#stepEnds = true;
    if (isError) {
      const errorText = typeof result === "string" ? result : (JSON.stringify(result) ?? "failed");
      this.emit({ type: "tool-output-error", toolCallId, errorText, providerExecuted });
      return;
    }
    const output = isRefused(result) ? JSON.stringify(result) : (result ?? null);
    this.emit({ type: "tool-output-available", toolCallId, output, providerExecuted });
  }

  protected source({ id: sourceId, url, title }: SourcePart): void {
    if (url !== undefined) this.emit({ type: "source-url", sourceId, url, title });
    else {
      const document = { mediaType: "text/plain", title: title ?? "" };
      this.emit({ type: "source-document", sourceId, ...document });
    }
  }

  protected metadata({ data }: MetadataPart): void {
    if (!isRefused(data)) this.emit({ type: "message-metadata", messageMetadata: data });
  }

  protected finish({ reason }: FinishPart): void {
    this.#close();
    this.emit({ type: "finish-step" });
    const messageMetadata = this.#usage();
    this.emit({ type: "finish", finishReason: reasons[reason], messageMetadata });
    this.emitDone();
  }

  protected fail({ text, aborted }: Failure): void {
    this.#close();
    const messageMetadata = this.#usage();
    if (messageMetadata) this.emit({ type: "message-metadata", messageMetadata });
    if (aborted) this.emit({ type: "abort", reason: text });
    else this.emit({ type: "error", errorText: text });
    this.emitDone();
  }

  #usage(): object | undefined {
    if (!this.usage) return undefined;
    const { raw: _, ...usage }: Usage = this.usage;
    return { usage };
  }

  #openBlock(kind: OpenBlock["kind"], block: number | undefined): OpenBlock {
    this.#content();
    const open = this.#open;
    if (open && open.kind === kind && open.block === block) return open;
    this.#close();
    const id = `${kind}-${this.#blocks++}`;
    this.emit({ type: `${kind}-start`, id });
    const before = `${opened({ type: `${kind}-delta`, id })},"delta":"`;
    const begun = {
      kind,
      id,
      block,
      envelope: { before, after: '"}' },
      providerMetadata: undefined,
    };
    this.#open = begun;
    return begun;
  }

  #close(): void {
    if (!this.#open) return;
    const { kind, id, providerMetadata } = this.#open;
    this.#open = undefined;
    this.emit({ type: `${kind}-end`, id, providerMetadata });
  }

  /** Without the border, the SDK would send the next step's text back before the tools' results. */
  #content(): void {
    if (!this.#stepEnds) return;
    this.#stepEnds = false;
    this.#close();
    this.emit({ type: "finish-step" });
    this.emit({ type: "start-step" });
  }
}

function signatureMetadata(
  format: AnswerFormat | undefined,
  signature: string,
  itemId: string | undefined,
): object {
  if (format === "anthropic") return { anthropic: { signature } };
  if (format === "openai-responses") {
    return { openai: { itemId, reasoningEncryptedContent: signature } };
  }
  if (format === "gemini") return { google: { thoughtSignature: signature } };
  return { provider: { signature } };
}

function redactedMetadata(format: AnswerFormat | undefined, redacted: string): object {
  if (format === "anthropic") return { anthropic: { redactedData: redacted } };
  return { provider: { redactedData: redacted } };
}

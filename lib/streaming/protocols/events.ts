import type {
  FinishPart,
  MetadataPart,
  Part,
  ReasoningPart,
  SourcePart,
  ToolCallDeltaPart,
  ToolCallPart,
  ToolCallStartPart,
  ToolResultPart,
  Usage,
} from "../parts.js";
import type { Envelope } from "./wire-event.js";
import { type Failure, PartWriter } from "./writer.js";

const token: Envelope = { event: "token", before: '{"token":"', after: '","index":' };

/**
 * AI Kit's own events: `start token usage error metadata done`.
 *
 * Tokens are all that is to be read as the answer, a refusal among it. What these events have no
 * name for (reasoning, tools, sources) comes as `metadata` in the form of its part, without `raw`;
 * why the answer ended as `{"finishReason": …}` before `done`. An `error` is the last event.
 */
export class EventsWriter extends PartWriter {
  protected readonly idPrefix = "answer_";
  #index = 0;

  protected start(): void {
    this.emit({ id: this.id, model: this.model }, "start");
  }

  protected text({ text }: { text: string }): void {
    this.emitDelta(token, text, this.#index++);
  }

  protected refusal(part: { text: string }): void {
    this.text(part);
  }

  protected reasoning(part: ReasoningPart): void {
    this.#tell(part);
  }

  protected toolStart(part: ToolCallStartPart): void {
    this.#tell(part);
  }

  protected toolDelta(part: ToolCallDeltaPart): void {
    this.#tell(part);
  }

  protected toolCall(part: ToolCallPart): void {
    this.#tell(part);
  }

  protected toolResult(part: ToolResultPart): void {
    this.#tell(part);
  }

  protected source(part: SourcePart): void {
    this.#tell(part);
  }

  protected metadata({ data }: MetadataPart): void {
    this.emit(data, "metadata");
  }

  protected override tokens({ inputTokens, outputTokens, totalTokens }: Usage): void {
    const data = { promptTokens: inputTokens, completionTokens: outputTokens, totalTokens };
    this.emit(data, "usage");
  }

  protected finish({ reason }: FinishPart): void {
    this.emit({ finishReason: reason }, "metadata");
    this.emit({}, "done");
  }

  protected fail({ text, code, retryAfter }: Failure): void {
    const shout = code.toUpperCase().replaceAll("-", "_");
    this.emit({ error: text, code: shout, retryAfter }, "error");
  }

  #tell(part: Part): void {
    this.emit({ ...part, raw: undefined }, "metadata");
  }
}

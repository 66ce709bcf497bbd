import type { AnswerFormat } from "../parts.js";
import type { Envelope } from "./wire-event.js";

/** Where an output item is; a content's index may follow. */
export interface Place {
  item_id: string;
  output_index: number;
}

/** Where items put their events, which get numbers there. */
export interface ItemSink {
  emit(type: string, fields: object): void;
  /** For deltas that say `place` and the text. */
  envelope(type: string, place: Place): Envelope;
  delta(envelope: Envelope, text: string): void;
}

/** An output item under way. */
export interface OpenItem {
  readonly place: Place;
  /** Sends what closes its contents and returns the item as it is in the end. */
  end(status: "completed" | "incomplete"): object;
}

/** The provider's own item or annotation, if the answer is a response of OpenAI's. */
export function ownItem(format: AnswerFormat | undefined, raw: unknown): object | undefined {
  const typed = typeof raw === "object" && raw !== null && "type" in raw;
  return format === "openai-responses" && typed ? raw : undefined;
}

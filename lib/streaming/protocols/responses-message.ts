import type { AnswerFormat, SourcePart } from "../parts.js";
import { type ItemSink, type OpenItem, ownItem, type Place } from "./responses-item.js";
import type { Envelope } from "./wire-event.js";

type MessageStatus = "in_progress" | "completed" | "incomplete";

interface OpenContent {
  kind: "output_text" | "refusal";
  place: Place & { content_index: number };
  /** As in the parts. */
  block: number | undefined;
  text: string;
  annotations: object[];
  envelope: Envelope;
}

/** A message of the model: texts with citations, and refusals. */
export class MessageItem implements OpenItem {
  readonly place: Place;
  readonly #sink: ItemSink;
  readonly #contents: object[] = [];
  #open: OpenContent | undefined;

  constructor(sink: ItemSink, place: Place) {
    this.#sink = sink;
    this.place = place;
    const item = this.#item("in_progress");
    sink.emit("response.output_item.added", { output_index: place.output_index, item });
  }

  /** Whether a text is open that can be cited. */
  get cites(): boolean {
    return this.#open?.kind === "output_text";
  }

  openText(block: number | undefined): void {
    this.#openContent("output_text", block);
  }

  /** More of the text that is open. */
  text(text: string): void {
    this.#add(text);
  }

  refusal(text: string): void {
    this.#openContent("refusal", undefined);
    this.#add(text);
  }

  cite(source: SourcePart, format: AnswerFormat | undefined): void {
    if (!this.#open) return;
    const { place, annotations } = this.#open;
    const annotation = ownItem(format, source.raw) ?? annotationOf(source);
    const annotation_index = annotations.push(annotation) - 1;
    const fields = { ...place, annotation_index, annotation };
    this.#sink.emit("response.output_text.annotation.added", fields);
  }

  end(status: "completed" | "incomplete"): object {
    this.#close();
    return this.#item(status);
  }

  #item(status: MessageStatus): object {
    const { item_id: id } = this.place;
    return { id, type: "message", status, role: "assistant", content: this.#contents };
  }

  #add(text: string): void {
    if (!this.#open) return;
    this.#open.text += text;
    this.#sink.delta(this.#open.envelope, text);
  }

  #openContent(kind: OpenContent["kind"], block: number | undefined): void {
    if (this.#open?.kind === kind && this.#open.block === block) return;
    this.#close();
    const place = { ...this.place, content_index: this.#contents.length };
    const envelope = this.#sink.envelope(`response.${kind}.delta`, place);
    this.#open = { kind, place, block, text: "", annotations: [], envelope };
    this.#sink.emit("response.content_part.added", { ...place, part: contentOf(this.#open) });
  }

  #close(): void {
    if (!this.#open) return;
    const { kind, place, text } = this.#open;
    const part = contentOf(this.#open);
    this.#open = undefined;
    this.#contents.push(part);
    const whole = kind === "refusal" ? { refusal: text } : { text, logprobs: [] };
    this.#sink.emit(`response.${kind}.done`, { ...place, ...whole });
    this.#sink.emit("response.content_part.done", { ...place, part });
  }
}

function contentOf({ kind, text, annotations }: OpenContent): object {
  if (kind === "refusal") return { type: kind, refusal: text };
  return { type: kind, text, annotations, logprobs: [] };
}

function annotationOf({ id, url, title, start, end }: SourcePart): object {
  if (url === undefined) {
    return { type: "file_citation", file_id: id, filename: title ?? "", index: start ?? 0 };
  }
  const range = { start_index: start ?? 0, end_index: end ?? 0 };
  return { type: "url_citation", url, title: title ?? "", ...range };
}

import type { ReasoningPart } from "../parts.js";
import type { ItemSink, OpenItem, Place } from "./responses-item.js";
import type { Envelope } from "./wire-event.js";

interface OpenThought {
  summary: boolean;
  place: Place & ({ summary_index: number } | { content_index: number });
  /** As in the parts. */
  block: number | undefined;
  text: string;
  envelope: Envelope;
}

/** What the model thought: texts, summaries, and the token that brings them back. */
export class ReasoningItem implements OpenItem {
  readonly place: Place;
  readonly #sink: ItemSink;
  readonly #summary: object[] = [];
  readonly #content: object[] = [];
  #open: OpenThought | undefined;
  #encrypted: string | undefined;
  #block: number | undefined;
  /** The provider's id of the item, which it tells at the end. Its token belongs to it. */
  #ownId: string | undefined;

  constructor(sink: ItemSink, place: Place) {
    this.#sink = sink;
    this.place = place;
    const item = this.#item("in_progress");
    sink.emit("response.output_item.added", { output_index: place.output_index, item });
  }

  /** Whether a part belongs to this item: after its token, only what has no text of its own. */
  continues({ text, block, redacted }: ReasoningPart): boolean {
    if (redacted !== undefined) return false;
    return this.#encrypted === undefined || (text === "" && block === this.#block);
  }

  add({ text, block, summary, signature, redacted, itemId }: ReasoningPart): void {
    this.#block = block;
    if (text !== "") this.#text(text, block, summary === true);
    this.#encrypted = redacted ?? signature ?? this.#encrypted;
    this.#ownId = itemId ?? this.#ownId;
  }

  end(status: "completed" | "incomplete"): object {
    this.#close();
    return this.#item(status);
  }

  #item(status: string): object {
    return {
      id: this.#ownId ?? this.place.item_id,
      type: "reasoning",
      status,
      summary: this.#summary,
      ...(this.#content.length > 0 && { content: this.#content }),
      encrypted_content: this.#encrypted,
    };
  }

  #text(text: string, block: number | undefined, summary: boolean): void {
    const same = this.#open?.summary === summary && this.#open.block === block;
    const open = same ? (this.#open as OpenThought) : this.#begin(block, summary);
    open.text += text;
    this.#sink.delta(open.envelope, text);
  }

  #begin(block: number | undefined, summary: boolean): OpenThought {
    this.#close();
    const place = summary
      ? { ...this.place, summary_index: this.#summary.length }
      : { ...this.place, content_index: this.#content.length };
    const { delta, part } = names(summary);
    const envelope = this.#sink.envelope(`response.${delta}.delta`, place);
    this.#open = { summary, place, block, text: "", envelope };
    this.#sink.emit(`response.${part}.added`, { ...place, part: thought(this.#open) });
    return this.#open;
  }

  #close(): void {
    if (!this.#open) return;
    const { summary, place, text } = this.#open;
    const whole = thought(this.#open);
    this.#open = undefined;
    (summary ? this.#summary : this.#content).push(whole);
    const { delta, part } = names(summary);
    this.#sink.emit(`response.${delta}.done`, { ...place, text });
    this.#sink.emit(`response.${part}.done`, { ...place, part: whole });
  }
}

function names(summary: boolean): { delta: string; part: string } {
  return summary
    ? { delta: "reasoning_summary_text", part: "reasoning_summary_part" }
    : { delta: "reasoning_text", part: "content_part" };
}

function thought({ summary, text }: OpenThought): object {
  return { type: summary ? "summary_text" : "reasoning_text", text };
}

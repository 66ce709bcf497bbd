import { AnswerReader } from "../client/answer-reader.js";
import type { SseError } from "../errors.js";

/**
 * Finds the text in events. What is JSON of a protocol of this package is read as that says. In other
 * JSON, a string is text, and an object's `text`, `delta` or `content`; what is no JSON is text as it
 * came, and so are numbers, which may be tokens. `[DONE]` and an event `done` end the text; an event
 * `error`, and an object with an `error`, fail it.
 */
export class TextReader {
  readonly #answer = new AnswerReader();
  /** Whether events of a protocol have come: other JSON is none of the text then. */
  #isKnown = false;
  /** Why the text has failed. */
  error: SseError | undefined;
  /** Whether the last event was of an answer of which nothing has come yet. */
  isStart = false;

  /** Whether the text may end where it is. */
  get isComplete(): boolean {
    return this.#answer.isWhole;
  }

  /** The text in an event, `""` for none, `null` where there is no more. */
  readonly read = (data: string, event: string): string | null => {
    const value = parse(data);
    this.isStart = false;
    if (typeof value === "object" && value) return this.#readObject({ ...value }, data, event);
    const text = typeof value === "string" ? value : data;
    if (event === "error") return this.#readObject({}, JSON.stringify({ error: text }), event);
    return event === "done" || data === "[DONE]" ? null : text;
  };

  #readObject(value: Record<string, unknown>, data: string, event: string): string | null {
    const answer = this.#answer;
    const said = answer.take(event, data);
    this.isStart = !!said.start;
    if (answer.said.error) this.error = answer.failure;
    if (answer.ended) return null;
    const { text, delta, content } = value;
    // Other JSON has models and usage as well.
    const { model: _, usage: __, ...told } = said;
    this.#isKnown ||= Object.keys(told).length > 0;
    const fields = this.#isKnown ? [said.text] : [text, delta, content];
    return fields.find((field) => typeof field === "string") ?? "";
  }
}

/** The value of the JSON, or the text itself where it is none. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

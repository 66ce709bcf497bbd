import { SseError } from "../errors.js";

/** An event as the stream dispatches it. */
export interface ParsedEvent {
  /** `"message"` when the stream names none. */
  event: string;
  data: string;
  /** The last event id after this event: its own, or that of an earlier one. */
  id: string;
}

export interface EventParserOptions {
  onEvent(event: ParsedEvent): void;
  /** The `retry` field: after how many ms a client is to connect again. */
  onRetry?: ((ms: number) => void) | undefined;
  /** The text of a comment, without a leading space. */
  onComment?: ((text: string) => void) | undefined;
  /** The id that events without one have, until the stream sets another. Defaults to `""`. */
  lastEventId?: string | undefined;
  /** How many characters an event may have, field names included. Defaults to 16 Mi. */
  maxEventChars?: number | undefined;
}

/**
 * The events of one response, whose bytes may come in pieces of any size:
 * https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
 * An event that the last bytes leave unfinished is not dispatched. The time is linear in the bytes,
 * the memory bounded by `maxEventChars`.
 */
export class EventParser {
  readonly #options: EventParserOptions;
  readonly #max: number;
  // "UTF-8 decode": it drops one byte order mark, at the beginning, and replaces what is no UTF-8.
  readonly #decoder = new TextDecoder();
  /** The beginning of a line whose end has not come. */
  #rest = "";
  /** The last character was a CR, which ended a line: an LF that follows belongs to it. */
  #afterCr = false;
  #event = "";
  #data: string[] = [];
  #id: string;
  /** The id to resume from: of the last event that was complete, with or without data. */
  lastEventId: string;
  /** Characters since the first data line: all that a slice in `#data` can keep in memory. */
  #size = 0;

  constructor(options: EventParserOptions) {
    this.#options = options;
    this.#max = options.maxEventChars ?? 2 ** 24;
    this.#id = this.lastEventId = options.lastEventId ?? "";
  }

  /**
   * What a callback throws comes out of here, and the rest of `bytes` is lost.
   *
   * @throws {SseError} `too-large`: the parser is of no use afterwards
   */
  push(bytes: Uint8Array): void {
    let text = this.#decoder.decode(bytes, { stream: true });
    if (text === "") return;
    if (this.#afterCr && text[0] === "\n") text = text.slice(1);
    this.#afterCr = text.endsWith("\r");
    const lines = text.split(/\r\n?|\n/);
    lines[0] = this.#rest + lines[0];
    this.#rest = lines.pop() ?? "";
    for (const line of lines) this.#line(line);
    this.#grow(this.#rest.length);
  }

  #line(line: string): void {
    if (line === "") {
      this.#dispatch();
      return;
    }
    const [, field, value = ""] = /^([^:]*)(?:: ?(.*))?/s.exec(line) ?? [];
    if (field === "data") this.#data.push(value);
    else if (field === "event") this.#event = value;
    else if (field === "id" && !value.includes("\0")) this.#id = value;
    else if (field === "retry" && /^\d+$/.test(value)) this.#options.onRetry?.(Number(value));
    else if (field === "") this.#options.onComment?.(value);
    if (this.#data[0] !== undefined) {
      this.#size += line.length + 1;
      this.#grow(0);
    }
  }

  #dispatch(): void {
    const event = this.#event || "message";
    const data = this.#data;
    const id = this.#id;
    this.lastEventId = id;
    this.#event = "";
    this.#size = 0;
    this.#data = [];
    if (data[0] !== undefined) this.#options.onEvent({ event, data: data.join("\n"), id });
  }

  #grow(by: number): void {
    if (this.#size + by <= this.#max) return;
    throw new SseError(
      "too-large",
      `the server sent an event of more than ${this.#max} characters.`,
    );
  }
}

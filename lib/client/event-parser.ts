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
  #lastEventId: string;
  /** Characters since the first data line: all that a slice in `#data` can keep in memory. */
  #size = 0;

  constructor(options: EventParserOptions) {
    this.#options = options;
    this.#max = options.maxEventChars ?? 2 ** 24;
    this.#id = this.#lastEventId = options.lastEventId ?? "";
  }

  /** The id to resume from: of the last event that was complete, with or without data. */
  get lastEventId(): string {
    return this.#lastEventId;
  }

  /**
   * What a callback throws comes out of here, and the rest of `bytes` is lost.
   *
   * @throws {SseError} `too-large`: the parser is of no use afterwards
   */
  push(bytes: Uint8Array): void {
    const text = this.#decoder.decode(bytes, { stream: true });
    if (text === "") return;
    let start = this.#afterCr && text[0] === "\n" ? 1 : 0;
    this.#afterCr = false;
    // Each is looked for again only once it is passed: no input has the text searched twice.
    let cr = text.indexOf("\r");
    let lf = text.indexOf("\n", start);
    while (cr !== -1 || lf !== -1) {
      const end = lf === -1 || (cr !== -1 && cr < lf) ? cr : lf;
      const line = this.#rest + text.slice(start, end);
      this.#rest = "";
      start = end + 1;
      if (end === cr) {
        if (lf === start) start++;
        this.#afterCr = start === text.length && lf !== end + 1;
        cr = text.indexOf("\r", start);
      }
      if (lf !== -1 && lf < start) lf = text.indexOf("\n", start);
      this.#line(line);
    }
    this.#rest += text.slice(start);
    this.#grow(this.#rest.length);
  }

  #line(line: string): void {
    if (line === "") {
      this.#dispatch();
      return;
    }
    const colon = line.indexOf(":");
    const field = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? "" : line.slice(colon + (line[colon + 1] === " " ? 2 : 1));
    if (field === "data") this.#data.push(value);
    else if (field === "event") this.#event = value;
    else if (field === "id" && !value.includes("\0")) this.#id = value;
    else if (field === "retry" && /^\d+$/.test(value)) this.#options.onRetry?.(Number(value));
    else if (field === "") this.#options.onComment?.(value);
    if (this.#data.length > 0) {
      this.#size += line.length + 1;
      this.#grow(0);
    }
  }

  #dispatch(): void {
    this.#lastEventId = this.#id;
    const event = this.#event || "message";
    const data = this.#data;
    this.#event = "";
    this.#size = 0;
    if (data.length === 0) return;
    this.#data = [];
    this.#options.onEvent({ event, data: data.join("\n"), id: this.#id });
  }

  #grow(by: number): void {
    if (this.#size + by <= this.#max) return;
    throw new SseError(
      "too-large",
      `the server sent an event of more than ${this.#max} characters.`,
    );
  }
}

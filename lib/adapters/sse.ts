import { createParser, type EventSourceParser } from "eventsource-parser";
import type { AnswerErrorCode } from "../streaming/parts.js";
import { isObject, type JsonObject, parse } from "./json.js";

/** Who takes what an event stream says. */
export interface EventTaker {
  chunk(chunk: JsonObject): void;
  /** `data: [DONE]` (OpenAI). */
  done(): void;
  /** The body is something else than an event stream: an error report, a web page. */
  body(text: string): void;
  fail(code: AnswerErrorCode, message: string): void;
}

/**
 * How much is parsed at once, in characters: the parser looks for the nearest CR and LF at every
 * line, so that a chunk of many lines and no CR near would cost the square of its length.
 */
const stride = 64 * 1024;
const maxBody = 64 * 1024;

/** How what is given as text can begin: lines of an event stream, bodies that are none. */
const beginnings = ["data:", "event:", "id:", "retry:", ":", "{", "[", "<"];
const longestBeginning = 6;

/**
 * The bytes of a provider's answer, in pieces of any size, as the JSON objects of its events:
 * https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
 */
export class EventChunks {
  readonly #taker: EventTaker;
  readonly #parser: EventSourceParser;
  readonly #decoder = new TextDecoder();
  /** Not known before the first character that is not blank. */
  #kind: "unknown" | "events" | "body";
  #body = "";
  /** The first characters of text that are not blank. */
  #head = "";
  #ending = false;
  #overflowed = false;
  readonly #maxEventChars: number;

  /** @param body whether the bytes are known to be no event stream (a failed request) */
  constructor(taker: EventTaker, maxEventChars: number, body: boolean) {
    this.#taker = taker;
    this.#maxEventChars = maxEventChars;
    this.#kind = body ? "body" : "unknown";
    this.#parser = createParser({
      maxBufferSize: maxEventChars,
      onEvent: ({ event, data }) => this.#event(event, data),
      onError: ({ type }) => {
        if (type === "max-buffer-size-exceeded") this.#overflow();
      },
    });
  }

  bytes(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += stride) {
      this.#text(this.#decoder.decode(bytes.subarray(at, at + stride), { stream: true }));
    }
  }

  text(text: string): void {
    if (this.#kind !== "body" && this.#head.length < longestBeginning) this.#checkHead(text);
    for (let at = 0; at < text.length; at += stride) this.#text(text.slice(at, at + stride));
  }

  /** No more bytes come. An event whose blank line is missing counts, if its JSON is whole. */
  end(): void {
    this.#text(this.#decoder.decode());
    this.#ending = true;
    if (this.#kind === "body") this.#taker.body(this.#body);
    else this.#feed("\n\n");
  }

  /** The pieces of an answer's text are taken for no event stream from the first of them on. */
  #checkHead(text: string): void {
    const head = (this.#head + text).trimStart().slice(0, longestBeginning);
    this.#head = head;
    if (beginnings.some((known) => known.startsWith(head) || head.startsWith(known))) return;
    const hint =
      'Yield a part for each of them, { type: "text", text }, and { type: "finish", reason: "stop" } last';
    this.#taker.fail(
      "unknown-format",
      `the source yields strings that are no event stream; expected a provider's chunks, its event stream, or parts. ${hint}`,
    );
  }

  #text(given: string): void {
    let text = given;
    if (this.#kind === "unknown") {
      // Of a byte order mark, too.
      text = given.trimStart();
      const first = text[0];
      if (first === undefined) return;
      // No line of an event stream that a provider sends begins so.
      this.#kind = first === "{" || first === "[" || first === "<" ? "body" : "events";
    }
    if (this.#kind === "events") {
      this.#feed(text);
      return;
    }
    this.#body += text.slice(0, maxBody - this.#body.length);
    if (this.#body.length >= maxBody) this.#taker.body(this.#body);
  }

  #feed(text: string): void {
    if (!this.#overflowed) this.#parser.feed(text);
  }

  #overflow(): void {
    this.#overflowed = true;
    const limit = `${this.#maxEventChars} characters`;
    this.#taker.fail("too-large", `the provider sent an event of more than ${limit}`);
  }

  #event(event: string | undefined, data: string): void {
    // One that came in one piece was not held back by the parser.
    if (data.length > this.#maxEventChars) {
      this.#overflow();
      return;
    }
    if (data.startsWith("[DONE]")) {
      this.#taker.done();
      return;
    }
    const chunk = parse(data);
    if (isObject(chunk)) {
      this.#taker.chunk(named(chunk, event));
      return;
    }
    // Cut within its last event: that the answer is incomplete says more. An empty one is a ping.
    if (this.#ending || data.trim() === "" || chunk !== undefined) return;
    const shown = JSON.stringify(data.slice(0, 100));
    this.#taker.fail("invalid-chunk", `the provider sent a chunk that is not JSON: ${shown}`);
  }
}

/** The event's name is its type where the JSON names none (errors of some gateways). */
function named(chunk: JsonObject, event: string | undefined): JsonObject {
  if (event === undefined || "type" in chunk || event === "message") return chunk;
  return { type: event, ...chunk };
}

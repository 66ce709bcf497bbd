import type { AnyEventMessage } from "../client/event-stream.js";
import { ToldText } from "../client/told-text.js";
import { SseError } from "../errors.js";
import { EventStreamStore, type StreamOptions, type StreamState } from "./event-stream-store.js";
import { useKept, useStore } from "./store.js";
import { TextReader } from "./text-reader.js";
import { useLatest } from "./use-latest.js";

export interface UseSSEStreamOptions extends Omit<StreamOptions, "parse"> {
  /**
   * The text in an event, by its data as they came and its name: `""` for none, `null` where the text
   * ends.
   *
   * Defaults to what a protocol of this package says; or else to JSON strings, the `text`, `delta` or
   * `content` of JSON objects, and data that are no JSON. `[DONE]` and an event `done` end it.
   */
  text?: ((data: string, event: string) => string | null) | undefined;
}

export interface SSEStreamState {
  /** The text so far. */
  readonly content: string;
  /** Whether it has ended, and nothing failed. */
  readonly isDone: boolean;
  /** Why it failed. Unless `state` is `"closed"`, it is tried again. */
  readonly error: SseError | undefined;
  /** `"idle"` without a url; `"waiting"` between two attempts; `"closed"` when there will be no other. */
  readonly state: StreamState;
}

export interface UseSSEStreamResult extends SSEStreamState {
  /** Opens a stream that has failed once more, from its last event, or its start. */
  retry(): void;
}

/** The longest text, in characters. */
const maxChars = 2 ** 24;

class TextStore extends EventStreamStore<SSEStreamState, UseSSEStreamOptions> {
  readonly #text = new ToldText();
  #reader = new TextReader();
  /** Whether the next event is the first of its connection. */
  #isFirst = true;
  #isDone = false;

  protected override readonly parse = (data: string): string => data;

  readonly retry = (): void => {
    if (!this.#isDone) this.reopen();
  };

  protected override open(): void {
    if (!this.canResume) this.#restart();
    super.open();
  }

  protected read(): SSEStreamState {
    const { error, state } = this;
    return { content: this.#text.shown, isDone: this.#isDone, error, state };
  }

  protected receive({ event, data }: AnyEventMessage<Record<string, string>>): void {
    if (event === "gap") {
      // The server does not know the last event: what comes next is the text from its start.
      this.#restart();
      return;
    }
    const { text: read } = this.options() ?? {};
    let text = (read ?? this.#reader.read)(data, event);
    if (this.#isFirst && this.#reader.isStart) {
      // The server does not go on, but sends all of it again.
      this.#restart();
      text = this.#reader.read(data, event);
    }
    this.#isFirst = false;
    if (text) this.#text.add(text);
    else if (text === null) this.#end(this.#reader.error);
    if (this.#text.shown.length > maxChars) {
      this.#end(
        new SseError("too-large", `the server sent a text of more than ${maxChars} characters.`),
      );
    }
  }

  protected override moved(state: StreamState, error: SseError | undefined): void {
    this.#isFirst ||= state === "open";
    const isWaiting = state === "waiting";
    const isClosed = state === "closed";
    if ((isClosed && !error) || ((isWaiting || isClosed) && this.#reader.isComplete)) {
      // 204, or no more than the last event was missing.
      this.#end();
    } else if (isWaiting && this.#text.shown && !this.canResume) {
      // The same request again might be another answer, and paid for.
      this.#end(error ?? incomplete());
    } else {
      super.moved(state, error);
    }
  }

  #restart(): void {
    this.#text.restart();
    this.#reader = new TextReader();
  }

  #end(error?: SseError): void {
    this.#isDone = !error;
    // What has failed may be opened once more.
    this.#reader = new TextReader();
    this.close();
    super.moved("closed", error);
  }
}

function incomplete(): SseError {
  return new SseError("incomplete-stream", "the stream ended before the text did.");
}

/**
 * Reads a stream of text while the component is mounted: the answer of a model, in any protocol of
 * this package, or tokens as they are. Without a url, it waits for one; with another url, it begins
 * anew.
 *
 * Of the options, functions and headers are read when they are needed, the others when the stream is
 * opened.
 */
export function useSSEStream(
  url: string | null | undefined,
  options?: UseSSEStreamOptions,
): UseSSEStreamResult {
  const latest = useLatest(options);
  const store = useKept(url, () => new TextStore(url, latest));
  return { ...useStore(store), retry: store.retry };
}

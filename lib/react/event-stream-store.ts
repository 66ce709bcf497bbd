import {
  type AnyEventMessage,
  type EventStream,
  type EventStreamOptions,
  type EventStreamState,
  openEventStream,
} from "../client/event-stream.js";
import type { SseError } from "../errors.js";
import { Store } from "./store.js";

/** Options of `openEventStream`; what ends the stream is the component. */
export type StreamOptions = Omit<EventStreamOptions, "signal">;

/** How far the connection is; `"idle"`: there is no url. */
export type StreamState = EventStreamState | "idle";

/**
 * An event stream, open while somebody subscribes. Where it was left off, it goes on from the last
 * event; what had ended stays so.
 */
export abstract class EventStreamStore<
  State extends object,
  Options extends StreamOptions,
> extends Store<State> {
  protected state: StreamState;
  protected error: SseError | undefined;
  /** What data are, whatever the options say. */
  protected readonly parse: ((data: string) => unknown) | undefined;
  readonly #url: string | null | undefined;
  /** Those of the last render. */
  protected readonly options: () => Options | undefined;
  #stream: EventStream | undefined;
  #lastEventId: string | undefined;

  constructor(url: string | null | undefined, options: () => Options | undefined) {
    super();
    this.state = url ? "connecting" : "idle";
    this.#url = url;
    this.options = options;
  }

  protected abstract receive(message: AnyEventMessage): void;

  /** What a change of the connection means for the state. */
  protected moved(state: StreamState, error: SseError | undefined): void {
    this.state = state;
    this.error = error;
    this.changed();
  }

  /** Whether a next connection can go on where this one ended. */
  protected get canResume(): boolean {
    return !!(this.#stream?.lastEventId ?? this.#lastEventId);
  }

  protected open(): void {
    if (!this.#url || this.state === "closed") return;
    if (this.state !== "connecting") this.moved("connecting", undefined);
    const options = this.options();
    const stream = openEventStream(this.#url, {
      ...options,
      parse: this.parse ?? options?.parse,
      headers: (renew) => newest(this.options()?.headers, renew),
      lastEventId: this.#lastEventId || options?.lastEventId,
    });
    this.#stream = stream;
    stream.onAny((message) => {
      try {
        this.receive(message);
      } finally {
        this.changed();
      }
    });
    stream.onState((state, error) => {
      if (this.#stream === stream) this.moved(state, error);
    });
  }

  protected close(): void {
    const stream = this.#stream;
    this.#stream = undefined;
    this.#lastEventId = stream?.lastEventId ?? this.#lastEventId;
    stream?.close();
  }

  /** Opens it once more after it has ended, from its last event; before that, does nothing. */
  protected reopen(): void {
    if (this.state !== "closed") return;
    this.close();
    this.moved("connecting", undefined);
    if (this.isOpen) this.open();
  }
}

type Headers = StreamOptions["headers"];

function newest(headers: Headers, renew: boolean) {
  return (typeof headers === "function" ? headers(renew) : headers) ?? {};
}

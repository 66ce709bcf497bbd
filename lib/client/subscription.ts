import type { EventName } from "../../types/events.js";
import { SseError } from "../errors.js";
import { type AttemptRequest, attempt, type Ending, type Receiver } from "./attempt.js";
import { EventParser } from "./event-parser.js";
import type {
  AnyEventMessage,
  EventMessage,
  EventStream,
  EventStreamOptions,
  EventStreamState,
} from "./event-stream.js";
import { type Retry, retryDelay, sleep } from "./retry.js";
import { listen, report, Subscribers, tell } from "./subscribers.js";

export interface SubscriptionSettings
  extends AttemptRequest,
    Pick<EventStreamOptions, "lastEventId" | "parse" | "signal"> {
  retry: Retry;
  highWaterMark: number;
  maxEventChars: number;
}

/** The stream of `openEventStream`: one attempt after another, each with a request of its own. */
export class Subscription<Events> implements EventStream<Events> {
  readonly #settings: SubscriptionSettings;
  readonly #subscribers = new Subscribers<AnyEventMessage<Events>>();
  readonly #stateListeners = new Set<Parameters<EventStream["onState"]>[0]>();
  state: EventStreamState = "connecting";
  error: SseError | undefined;
  lastEventId: string;
  /** Ends the attempt that is under way, or the wait for the next. */
  #stop = new AbortController();
  /** Attempts in a row that brought nothing. */
  #failures = 0;
  /** The `retry` field, in ms. */
  #retry: number | undefined;

  constructor(settings: SubscriptionSettings) {
    this.#settings = settings;
    const { signal, lastEventId = "" } = settings;
    this.lastEventId = lastEventId;
    signal?.addEventListener("abort", this.close);
    if (signal?.aborted) this.close();
    else void this.#run();
  }

  on<Name extends EventName<Events>>(
    event: Name,
    listener: (data: Events[Name], message: EventMessage<Events, Name>) => void,
  ): () => void {
    return this.onAny((any) => {
      const message = any as EventMessage<Events, Name>;
      if (message.event === event) listener(message.data, message);
    });
  }

  onAny(listener: (message: AnyEventMessage<Events>) => void): () => void {
    return this.#subscribers.add(listener);
  }

  onState(listener: (state: EventStreamState, error: SseError | undefined) => void): () => void {
    return listen(this.#stateListeners, listener);
  }

  readonly close = (): void => this.#close(undefined, true);

  [Symbol.asyncIterator](): AsyncIterator<AnyEventMessage<Events>, undefined> {
    return this.#subscribers.loop(this.close);
  }

  async #run(): Promise<void> {
    // Whoever opened the stream may listen first, or close it.
    await undefined;
    while (!this.#isClosed()) {
      const { maxDelay } = this.#settings.retry;
      let opened = Number.POSITIVE_INFINITY;
      const onOpen = () => {
        opened = Date.now();
        this.#change("open", undefined);
      };
      const receiver = { onOpen, ...this.#receiver() };
      const ending = await attempt(this.#settings, this.lastEventId, this.#stop, receiver);
      if (this.#isClosed()) return;
      if (Date.now() - opened > maxDelay) this.#failures = 0;
      this.#stop = new AbortController();
      await this.#wait(ending);
      this.#change("connecting", this.error);
    }
  }

  #receiver(): Receiver {
    const { highWaterMark, maxEventChars } = this.#settings;
    const parser = new EventParser({
      onEvent: ({ event, data, id }) => this.#dispatch(event, data, id),
      onRetry: (ms) => {
        this.#retry = ms;
      },
      lastEventId: this.lastEventId,
      maxEventChars,
    });
    return {
      wants: async () => {
        await this.#subscribers.room(highWaterMark);
        return !this.#isClosed();
      },
      take: (bytes) => {
        parser.push(bytes);
        // Nothing of what follows a close() was received.
        if (!this.#isClosed()) this.lastEventId = parser.lastEventId;
      },
    };
  }

  #dispatch(event: string, text: string, id: string): void {
    if (this.#isClosed()) return;
    this.#failures = 0;
    this.lastEventId = id;
    try {
      const data = (this.#settings.parse ?? parseJson)(text, event);
      this.#subscribers.put({ event, data, id } as AnyEventMessage<Events>);
    } catch (error) {
      report(error);
    }
  }

  /** Until the next attempt; closes the stream when there is to be none. */
  async #wait({ error, final, retryAfter = 0 }: Ending): Promise<void> {
    const { retry } = this.#settings;
    const initialDelay = this.#retry ?? retry.initialDelay;
    const failures = this.#failures++;
    if (final || failures >= retry.maxRetries) {
      const ended = `the server ended the stream ${this.#failures} times without an event.`;
      // Without retries, the end of the response is the end of the stream; so is a 204.
      const isEnd = error ? error.status === 204 : retry.maxRetries === 0;
      this.#close(isEnd ? undefined : (error ?? new SseError("connection-error", ended)));
      return;
    }
    const atLeast = Math.max(retryAfter, this.#retry ?? 0);
    this.#change("waiting", error);
    await sleep(retryDelay({ ...retry, initialDelay }, failures, atLeast), this.#stop.signal);
  }

  #isClosed(): boolean {
    return this.state === "closed";
  }

  #change(state: EventStreamState, error: SseError | undefined): void {
    if (this.#isClosed() || this.state === state) return;
    this.state = state;
    this.error = error;
    tell(this.#stateListeners, state, error);
  }

  #close(error: SseError | undefined, drop = false): void {
    if (this.#isClosed()) return;
    this.#settings.signal?.removeEventListener("abort", this.close);
    this.#stop.abort();
    this.#change("closed", error);
    this.#subscribers.end(error, drop);
  }
}

function parseJson(data: string): unknown {
  try {
    return JSON.parse(data);
  } catch {
    return data;
  }
}

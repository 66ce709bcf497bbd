import type { EventName } from "../../types/events.js";
import { SseError } from "../errors.js";
import { type AttemptRequest, attempt, type Ending } from "./attempt.js";
import { EventParser } from "./event-parser.js";
import type {
  AnyEventMessage,
  EventMessage,
  EventStream,
  EventStreamOptions,
  EventStreamState,
} from "./event-stream.js";
import { type Retry, retryDelay, sleep } from "./retry.js";
import { Silence } from "./silence.js";
import { listen, report, Subscribers, tell } from "./subscribers.js";

export interface SubscriptionSettings extends Omit<EventStreamOptions, "retry"> {
  retry: Retry;
  heartbeatTimeout: number;
  highWaterMark: number;
}

/** Between two looks at whether the loops keep up, in bytes. */
const stride = 16 * 1024;

/** The stream of `openEventStream`: one attempt after another, each with a request of its own. */
export class Subscription<Events> implements EventStream<Events> {
  readonly #request: AttemptRequest;
  readonly #settings: SubscriptionSettings;
  readonly #subscribers = new Subscribers<AnyEventMessage<Events>>();
  readonly #stateListeners = new Set<Parameters<EventStream["onState"]>[0]>();
  readonly #silence: Silence;
  state: EventStreamState = "connecting";
  error: SseError | undefined;
  lastEventId: string;
  /** Ends the attempt that is under way, or the wait for the next. */
  #stop = new AbortController();
  /** Attempts in a row that brought nothing. */
  #failures = 0;
  /** Whether there is nothing to wait for. */
  #hurry = false;
  /** The `retry` field, in ms. */
  #retry: number | undefined;

  constructor(request: AttemptRequest, settings: SubscriptionSettings) {
    this.#request = request;
    this.#settings = settings;
    const { heartbeatTimeout: ms, signal, lastEventId = "" } = settings;
    this.lastEventId = lastEventId;
    this.#silence = new Silence(ms, (error) => {
      // The server is well, as far as we know.
      this.#hurry = error.code !== "idle-timeout";
      this.#stop.abort(error);
    });
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
    let renew: boolean | undefined;
    while (!this.#isClosed()) {
      const { signal } = this.#stop;
      const ending = await attempt(
        this.#request,
        this.lastEventId,
        renew === true,
        signal,
        () => this.#silence.listen(),
        (body) => this.#read(body, signal),
      );
      this.#silence.end();
      if (this.#isClosed()) return;
      renew = ending.renew;
      if (!renew) await this.#wait(ending);
      this.#stop = new AbortController();
      this.#change("connecting", this.error);
    }
  }

  async #read(body: ReadableStream<Uint8Array>, signal: AbortSignal): Promise<void> {
    const { highWaterMark, maxEventChars, retry } = this.#settings;
    const reader = body.getReader();
    const cancel = () => void reader.cancel().catch(() => {});
    signal.addEventListener("abort", cancel);
    const opened = Date.now();
    this.#silence.pause();
    this.#change("open", undefined);
    const parser = new EventParser({
      onEvent: ({ event, data, id }) => this.#dispatch(event, data, id),
      onRetry: (ms) => {
        this.#retry = ms;
      },
      lastEventId: this.lastEventId,
      maxEventChars,
    });
    try {
      for (;;) {
        await this.#subscribers.room(highWaterMark);
        if (signal.aborted) return;
        this.#silence.listen();
        const { done, value } = await reader.read();
        this.#silence.pause();
        if (done) return;
        for (let at = 0; at < value.length; at += stride) {
          if (at > 0) await this.#subscribers.room(highWaterMark);
          if (signal.aborted) return;
          parser.push(value.subarray(at, at + stride));
          // Nothing of what follows a close() was received.
          if (!signal.aborted) this.lastEventId = parser.lastEventId;
        }
      }
    } finally {
      signal.removeEventListener("abort", cancel);
      cancel();
      if (Date.now() - opened > retry.maxDelay) this.#failures = 0;
    }
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
      const isEnd = final || retry.maxRetries === 0;
      this.#close(error ?? (isEnd ? undefined : new SseError("connection-error", ended)));
      return;
    }
    const atLeast = Math.max(retryAfter, this.#retry ?? 0);
    this.#stop = new AbortController();
    this.#change("waiting", error);
    const delay = retryDelay({ ...retry, initialDelay }, failures, atLeast);
    const { signal } = this.#stop;
    await sleep(this.#hurry ? 0 : delay, signal).catch(() => {});
    this.#hurry = false;
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
    this.#silence.end();
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

import type { DefaultEvents, EventName } from "../../types/events.js";
import { SseError } from "../errors.js";
import { atLeast } from "./options.js";
import { known } from "./protocols/said.js";
import type { HeadersOption } from "./request.js";
import { type RetryConfig, retryOf } from "./retry.js";
import { Subscription, type SubscriptionSettings } from "./subscription.js";

/** One event of a stream. */
export interface EventMessage<
  Events = DefaultEvents,
  Name extends EventName<Events> = EventName<Events>,
> {
  /** `"message"` when the server names none. */
  event: Name;
  /** What `parse` made of the data: by default its JSON, or the text where it is none. */
  data: Events[Name];
  /** The last event id, to resume from after this event; `""` when the server sends none. */
  id: string;
}

/** Any event of a stream; to compare `event` tells the type of `data`. */
export type AnyEventMessage<Events = DefaultEvents> = {
  [Name in EventName<Events>]: EventMessage<Events, Name>;
}[EventName<Events>];

/**
 * - `connecting`: a request is under way.
 * - `open`: the server has begun to stream.
 * - `waiting`: for the next attempt.
 * - `closed`: for good: by `close()`, by the server (204), or by an error that no retry can mend.
 */
export type EventStreamState = "connecting" | "open" | "waiting" | "closed";

export interface EventStreamOptions {
  /** Defaults to `GET`. */
  method?: string | undefined;
  /**
   * What is sent with each request, or a function that is asked before each: for tokens that expire. `renew` is
   * `true` after a 401, which is answered by one more request at once.
   */
  headers?: HeadersOption | undefined;
  /** Sent with each request; not a stream, which could be sent only once. */
  body?: Exclude<RequestInit["body"], ReadableStream | null>;
  /** As that of `fetch`. Defaults to `same-origin`. */
  credentials?: RequestInit["credentials"];
  /** Used instead of the global one. It must heed the signal that it is given. */
  fetch?: ((url: string, init: RequestInit) => Promise<Response>) | undefined;
  /** Closes the stream when it aborts. */
  signal?: AbortSignal | undefined;
  /** The id to resume from in the first request. Defaults to `""`, which asks for no resumption. */
  lastEventId?: string | undefined;
  /**
   * When to connect again after a failure, or after the server has ended the stream. A `retry` field of the stream
   * replaces `initialDelay`. `maxRetries` defaults to `Infinity`. `false`: never, the end of the response is the end.
   */
  retry?: RetryConfig | false | undefined;
  /**
   * A connection of which nothing was heard for so long is given up, in ms; 0 means never. More than the
   * server's `keepAlive`. Defaults to 60 000.
   */
  heartbeatTimeout?: number | undefined;
  /** How many events may wait for a `for await` loop before reading stops. Defaults to 64. */
  highWaterMark?: number | undefined;
  /** How many characters an event may have. Defaults to 16 Mi. */
  maxEventChars?: number | undefined;
  /** What an event's data is. Defaults to its JSON, or the text where it is none. */
  parse?: ((data: string, event: string) => unknown) | undefined;
}

/**
 * A subscription that connects again by itself and resumes where it broke off, as `EventSource` does.
 *
 * Listeners are called in the order they were added. What one throws is reported (`reportError`, else
 * `console.error`) and changes nothing. Before there is a listener for events, or a loop, no event is
 * read, so that the first of them misses none.
 */
export interface EventStream<Events = DefaultEvents>
  extends AsyncIterable<AnyEventMessage<Events>> {
  readonly state: EventStreamState;
  /** Of the last event that was received. A loop may not have come to it yet: that has `message.id`. */
  readonly lastEventId: string;
  /** The last failure, until the stream is open again. */
  readonly error: SseError | undefined;
  /** Returns a function that takes the listener off, as the next two do. */
  on<Name extends EventName<Events>>(
    event: Name,
    listener: (data: Events[Name], message: EventMessage<Events, Name>) => void,
  ): () => void;
  /** Called with each event, whatever its name. */
  onAny(listener: (message: AnyEventMessage<Events>) => void): () => void;
  /** Called after each change of `state`, with the failure that led to it. */
  onState(listener: (state: EventStreamState, error: SseError | undefined) => void): () => void;
  /** Ends the request, all loops and timers. Nothing is called or delivered afterwards. */
  close(): void;
  /**
   * The events from now on. Reading waits for the slowest loop. A loop ends when the stream is closed, and
   * throws `error` when it was closed by one. To leave the last loop closes a stream without listeners.
   */
  [Symbol.asyncIterator](): AsyncIterator<AnyEventMessage<Events>, undefined>;
}

/**
 * Subscribes to an event stream, by the rules of the WHATWG
 * (https://html.spec.whatwg.org/multipage/server-sent-events.html), over `fetch`: with any method, headers and body.
 *
 *     const stream = openEventStream<ChatEvents>("/events", { headers: { authorization: `Bearer ${token}` } });
 *     stream.on("token", ({ text }) => show(text));
 *
 * A cut, a 5xx, 408, 425 or 429 is followed by another attempt (`Retry-After` is heeded), with the `Last-Event-ID`.
 * 204 closes the stream. Any other status, and a content type other than `text/event-stream`, closes it with an error.
 *
 * @throws {SseError} `invalid-option`; `invalid-argument` for what is no request
 */
export function openEventStream<Events = DefaultEvents>(
  url: string | URL,
  options: EventStreamOptions = {},
): EventStream<Events> {
  const { method, body, credentials, headers, fetch } = options;
  const init = { method, body, credentials } as RequestInit;
  const settings: SubscriptionSettings = {
    heartbeatTimeout: 60_000,
    highWaterMark: 64,
    maxEventChars: 2 ** 24,
    ...known({ ...options }),
    url: String(url),
    init,
    retry: retryOf(options.retry, Number.POSITIVE_INFINITY),
  };
  const { heartbeatTimeout, highWaterMark, maxEventChars } = settings;
  atLeast(0, { heartbeatTimeout });
  atLeast(1, { highWaterMark, maxEventChars });
  try {
    // Another fetch may know other addresses.
    const address = fetch ? "http://localhost" : url;
    new Request(address, typeof headers === "object" ? { ...init, headers } : init);
  } catch (cause) {
    throw new SseError("invalid-argument", `the request failed: ${cause}`, { cause });
  }
  return new Subscription<Events>(settings);
}

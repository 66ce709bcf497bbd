import type { DefaultEvents, EventName } from "../../types/events.js";
import type { AnyEventMessage, EventMessage } from "../client/event-stream.js";
import type { SseError } from "../errors.js";
import { EventStreamStore, type StreamOptions, type StreamState } from "./event-stream-store.js";
import { useKept, useStore } from "./store.js";
import { useLatest } from "./use-latest.js";

export interface UseChannelOptions<Events = DefaultEvents> extends StreamOptions {
  /**
   * Listeners by the names of events: they get every event, as it comes. Those of the last render are
   * called; other ones do not open the stream anew.
   */
  on?:
    | {
        [Name in EventName<Events>]?:
          | ((data: Events[Name], message: EventMessage<Events, Name>) => void)
          | undefined;
      }
    | undefined;
  /** Gets every event, whatever its name, after its own listener. */
  onAny?: ((message: AnyEventMessage<Events>) => void) | undefined;
}

export interface ChannelState<Events = DefaultEvents> {
  /** `"idle"` without a url; `"waiting"` between two attempts; `"closed"` when there will be no other. */
  readonly state: StreamState;
  /** The last event. It is read once per frame: of several in one frame, this is the last. */
  readonly last: AnyEventMessage<Events> | undefined;
  /** Why the connection failed; `undefined` again once it is open. */
  readonly error: SseError | undefined;
}

export interface UseChannelResult<Events = DefaultEvents> extends ChannelState<Events> {
  /** Opens a closed stream once more, from its last event. Does nothing before. */
  retry(): void;
}

class ChannelStore<Events> extends EventStreamStore<
  ChannelState<Events>,
  UseChannelOptions<Events>
> {
  #last: AnyEventMessage<Events> | undefined;

  protected read(): ChannelState<Events> {
    return { state: this.state, last: this.#last, error: this.error };
  }

  readonly retry = (): void => this.reopen();

  protected receive(message: never): void {
    const { event, data }: AnyEventMessage<Events> = message;
    this.#last = message;
    const { on, onAny } = this.options() ?? {};
    // The server may name events as it likes, after what all objects have, too.
    if (on && Object.hasOwn(on, event)) on[event]?.(data, message);
    onAny?.(message);
  }
}

/**
 * Subscribes to a channel while the component is mounted. Without a url, it waits for one; with
 * another url, it leaves the one before. `Events` maps names to data, see `types/events.d.ts`:
 *
 *     const { state, last } = useChannel<ChatEvents>("/events", {
 *       on: { message: ({ text }) => setTexts((texts) => [...texts, text]) },
 *     });
 *
 * Of the options, functions and headers are read when they are needed, the others when the stream is
 * opened.
 */
export function useChannel<Events = DefaultEvents>(
  url: string | null | undefined,
  options?: UseChannelOptions<Events>,
): UseChannelResult<Events> {
  const latest = useLatest(options);
  const store = useKept(url, () => new ChannelStore<Events>(url, latest));
  return { ...useStore(store), retry: store.retry };
}

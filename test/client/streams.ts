import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { onTestFinished } from "vitest";
import {
  type AnyEventMessage,
  type DefaultEvents,
  type EventStream,
  type EventStreamOptions,
  openEventStream,
  type SseError,
} from "../../lib/client/index.ts";
import { eventually, listen, Queue } from "../e2e/harness.ts";

export interface Exchange {
  req: IncomingMessage;
  res: ServerResponse;
  /** Begins an event stream, and writes to it. */
  stream(text?: string, headers?: Record<string, string>): void;
  /** The connection breaks. */
  cut(): void;
}

/** A server without any knowledge of event streams: tests say what it answers. */
export async function serveRaw(answer?: (exchange: Exchange, index: number) => void) {
  const exchanges = new Queue<Exchange>();
  const server = createServer((req, res) => {
    req.resume();
    const exchange: Exchange = {
      req,
      res,
      stream(text = "", headers = {}) {
        if (!res.headersSent) {
          res.writeHead(200, { "content-type": "text/event-stream", ...headers }).flushHeaders();
        }
        if (text) res.write(text);
      },
      cut: () => void res.socket?.destroy(),
    };
    exchanges.put(exchange);
    answer?.(exchange, exchanges.seen.length - 1);
  });
  const running = await listen(server);
  return { ...running, exchanges, url: `${running.origin}/events` };
}

/** Retries that a test need not wait for. */
export const soon = { initialDelay: 1, maxDelay: 5 };

export type Seen = [event: string, data: unknown, id: string];

/** Opens a stream and keeps what it tells. It is closed when the test ends. */
export function watch<Events = DefaultEvents>(
  url: string,
  options: EventStreamOptions = {},
  opened: EventStream<Events> = openEventStream<Events>(url, { retry: soon, ...options }),
) {
  onTestFinished(() => opened.close());
  const events: Seen[] = [];
  const states: string[] = [];
  const errors: SseError[] = [];
  opened.onAny((message: AnyEventMessage<Events>) => {
    const { event, data, id } = message as AnyEventMessage;
    events.push([event, data, id]);
  });
  opened.onState((state, error) => {
    states.push(state);
    if (error && errors.at(-1) !== error) errors.push(error);
  });
  return {
    stream: opened,
    events,
    states,
    errors,
    has: (count: number) => eventually(() => events.length >= count, `event ${count}`),
    is: (state: string) => eventually(() => opened.state === state, `state ${state}`),
  };
}

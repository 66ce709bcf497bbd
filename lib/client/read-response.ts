import { SseError } from "../errors.js";
import { EventParser, type ParsedEvent } from "./event-parser.js";
import { lost, Passing } from "./passing.js";

/** For how long a response may go on after its last event, in ms. */
const drainTime = 5000;

/** Where the events of a response go. */
export interface EventSink {
  /** Whether the last event has come: what follows is not looked at. */
  readonly ended: boolean;
  /** What it throws ends the reading. */
  onEvent(event: ParsedEvent): void;
  onComment(text: string): void;
}

/**
 * Reads an event stream until the sink has got its last event, or the response ends.
 *
 * @param idleTimeout how long nothing may come, keep-alive comments included, in ms
 * @throws what the sink throws, `SseError` `too-large`; or `Passing` where the connection is lost
 */
export async function readResponse(
  response: Response,
  sink: EventSink,
  idleTimeout: number,
): Promise<void> {
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  const cancel = () => void reader.cancel().catch(() => {});
  const parser = new EventParser({
    onEvent: (event) => sink.onEvent(event),
    onComment: (text) => sink.onComment(text),
  });
  // By the clock, as timers stand still while a machine sleeps.
  let heardAt = Date.now();
  let isIdle = false;
  const look = () => {
    isIdle ||= Date.now() - heardAt >= idleTimeout;
    if (isIdle) cancel();
  };
  const timer = setInterval(look, Math.min(idleTimeout / 4, 30_000));
  try {
    while (!sink.ended) {
      const { done, value } = await reader.read().catch((cause) => {
        throw lost(cause);
      });
      if (done) break;
      heardAt = Date.now();
      parser.push(value);
    }
  } finally {
    clearInterval(timer);
    if (sink.ended) void drain(reader, cancel);
    else cancel();
  }
  if (!isIdle) return;
  const message = `nothing came from the server for ${idleTimeout} ms.`;
  throw new Passing(new SseError("idle-timeout", message));
}

/** Lets a server end its response by itself, rather than find that its client has gone. */
async function drain(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  cancel: () => void,
): Promise<void> {
  const timer = setTimeout(cancel, drainTime);
  try {
    while (!(await reader.read()).done);
  } catch {
    // It has got the answer.
  }
  clearTimeout(timer);
}

import { createParser, type EventSourceMessage } from "eventsource-parser";

/** What an event stream says, in order. */
interface Read {
  events: EventSourceMessage[];
  /** When the client is to connect again, in ms; the last one counts. */
  retry: number | undefined;
  /** Whether a keep-alive is among it: an empty comment. */
  hasKeepAlive: boolean;
}

let read: Read = { events: [], retry: undefined, hasKeepAlive: false };

/** Only whole events are fed to it, so that all sessions can share it. */
const parser = createParser({
  onEvent: (event) => read.events.push(event),
  onRetry: (retry) => {
    read.retry = retry;
  },
  onComment: (text) => {
    if (text === "") read.hasKeepAlive = true;
  },
});

/** @param bytes whole events as the engine writes them */
export function readEvents(bytes: Buffer): Read {
  read = { events: [], retry: undefined, hasKeepAlive: false };
  parser.feed(bytes.toString());
  return read;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/**
 * An event as a message: `{"type": "event", "event", "id"?, "data"}`. Data that is JSON stands in the
 * message as it is; other data is a string, and `"raw": true` tells it from a string that was JSON.
 */
export function eventMessage({ event = "message", id, data }: EventSourceMessage): string {
  const head = `{"type":"event","event":${JSON.stringify(event)}`;
  const named = id === undefined ? head : `${head},"id":${JSON.stringify(id)}`;
  if (isJson(data)) return `${named},"data":${data}}`;
  return `${named},"data":${JSON.stringify(data)},"raw":true}`;
}

/** What bytes of an event stream are for a client of a WebSocket. */
interface Converted {
  /** UTF-8, one for each event. */
  readonly messages: readonly Uint8Array[];
  readonly hasKeepAlive: boolean;
}

function convert(bytes: Buffer): Converted {
  const { events, retry, hasKeepAlive } = readEvents(bytes);
  const texts = events.map(eventMessage);
  if (retry !== undefined) texts.unshift(`{"type":"retry","retry":${retry}}`);
  return { messages: texts.map((text) => Buffer.from(text)), hasKeepAlive };
}

/**
 * What was converted last. Members of a channel take the same bytes, one after the other: for all
 * but the first of them, this is it.
 */
let last: { bytes: Buffer; converted: Converted } | undefined;
/** More than this is not kept, in bytes. */
const keptBytes = 64 * 1024;

/** @param bytes whole events as the engine writes them, which may be kept */
export function messagesOf(bytes: Buffer): Converted {
  if (last?.bytes.equals(bytes)) return last.converted;
  const converted = convert(bytes);
  last = bytes.length > keptBytes ? undefined : { bytes, converted };
  return converted;
}

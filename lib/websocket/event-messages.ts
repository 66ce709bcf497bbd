import { createParser, type EventSourceMessage } from "eventsource-parser";

/** What bytes of an event stream are for a client of a WebSocket. */
export interface Converted {
  /** UTF-8, one for each event. */
  readonly messages: readonly Uint8Array[];
  /** Whether a keep-alive is among them: an empty comment. */
  readonly hasKeepAlive: boolean;
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

/** A server's wish for when to connect again, in ms. */
function retryMessage(retry: number): string {
  return `{"type":"retry","retry":${retry}}`;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

let messages: Uint8Array[] = [];
let hasKeepAlive = false;

/** Only whole events are fed to it, so that all sessions can share it. */
const parser = createParser({
  onEvent: (event) => messages.push(Buffer.from(eventMessage(event))),
  onRetry: (retry) => messages.push(Buffer.from(retryMessage(retry))),
  onComment: (text) => {
    if (text === "") hasKeepAlive = true;
  },
});

function convert(bytes: Buffer): Converted {
  messages = [];
  hasKeepAlive = false;
  parser.feed(bytes.toString());
  return { messages, hasKeepAlive };
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

// biome-ignore lint/suspicious/noControlCharactersInRegex: those are what it looks for
const notInHeaders = /[\0-\x08\x0a-\x1f\x7f]/;

/**
 * Headers of a request for an event stream. The id is sent as its UTF-8 bytes, as browsers do; one with
 * characters that HTTP does not have in headers cannot be sent, and is left out.
 */
export function streamHeaders(given: HeadersInit | undefined, lastEventId: string): Headers {
  const headers = new Headers(given);
  if (!headers.has("accept")) headers.set("accept", "text/event-stream");
  if (lastEventId && !notInHeaders.test(lastEventId)) {
    const bytes = Array.from(new TextEncoder().encode(lastEventId));
    headers.set("last-event-id", bytes.map((byte) => String.fromCharCode(byte)).join(""));
  }
  return headers;
}

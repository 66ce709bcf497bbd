const maxLength = 1024;
// biome-ignore lint/suspicious/noControlCharactersInRegex: those are what it looks for
const control = /[\0-\x1f\x7f]/;
const beyondAscii = /[^\0-\x7f]/;
const beyondLatin1 = /[^\0-\xff]/;

/**
 * The text of a header whose bytes are UTF-8, as browsers send them; Node and Fetch give each byte
 * as a character of its own.
 */
function decodeHeader(value: string): string {
  if (!beyondAscii.test(value) || beyondLatin1.test(value)) return value;
  try {
    const bytes = Uint8Array.from(value, (character) => character.charCodeAt(0));
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return value;
  }
}

/**
 * The id of the last event that the client says it got: from the header, or from where polyfills
 * put it in the query. It is untrusted: `""` when it is too long, or has a control character.
 */
export function lastEventIdOf(header: string | null, query: URLSearchParams | undefined): string {
  const id =
    header === null
      ? (query?.get("lastEventId") ?? query?.get("evs_last_event_id") ?? "")
      : decodeHeader(header);
  return id.length > maxLength || control.test(id) ? "" : id;
}

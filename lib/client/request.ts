// biome-ignore lint/suspicious/noControlCharactersInRegex: those are what it excludes
const sendable = /^[^\0-\x1f\x7f]{1,4096}$/;

/** As `fetch` takes them. By these names Node's types know them too, which have no `HeadersInit`. */
export type GivenHeaders = NonNullable<RequestInit["headers"]>;

/** What a user gives as headers: some, or a function that is asked before each request. */
export type HeadersOption =
  | GivenHeaders
  | ((renew: boolean) => GivenHeaders | Promise<GivenHeaders>);

/**
 * Headers of a request for an event stream. The id is sent as its UTF-8 bytes, as browsers do; one that
 * HTTP has no place for, as it has control characters or is too long, is left out.
 */
export function streamHeaders(given: GivenHeaders | undefined, lastEventId: string): Headers {
  const headers = new Headers(given);
  headers.set("accept", "text/event-stream");
  if (sendable.test(lastEventId)) {
    const bytes = new TextEncoder().encode(lastEventId);
    headers.set("last-event-id", String.fromCharCode(...bytes));
  }
  return headers;
}

/** The URL with one more segment; a query stays at its end. */
export function below(url: string, segment: string): string {
  return url.replace(/\/*(\?|#|$)/, `/${segment}$1`);
}

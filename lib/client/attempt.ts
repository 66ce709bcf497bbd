import { SseError } from "../errors.js";
import { type HeadersOption, streamHeaders } from "./request.js";
import { isEventStream, responseError } from "./response.js";
import { isRetryable, retryAfter } from "./retry.js";

export interface AttemptRequest {
  url: string;
  init: RequestInit;
  headers: HeadersOption | undefined;
  fetch: ((url: string, init: RequestInit) => Promise<Response>) | undefined;
}

/** How an attempt ended. Without `error` the server ended the stream. */
export interface Ending {
  error?: SseError;
  /** There is to be no other. */
  final?: boolean;
  /** How long the server asks to wait, in ms. */
  retryAfter?: number | undefined;
  /** The token was refused, and there may be a newer one. */
  renew?: boolean;
}

/**
 * One request for an event stream, to its end.
 *
 * @param renew whether the last attempt found the token refused
 * @param onSent called when it is the server's turn
 * @param read reads the body of a stream
 */
export async function attempt(
  { url, init, headers, fetch: given = fetch }: AttemptRequest,
  lastEventId: string,
  renew: boolean,
  signal: AbortSignal,
  onSent: () => void,
  read: (body: ReadableStream<Uint8Array>, response: Response) => Promise<void>,
): Promise<Ending> {
  try {
    const renewable = typeof headers === "function";
    const sent = streamHeaders(renewable ? await headers(renew) : headers, lastEventId);
    signal.throwIfAborted();
    onSent();
    const response = await given(url, { ...init, headers: sent, signal });
    const { status, body } = response;
    if (status === 200 && isEventStream(response)) {
      if (body) await read(body, response);
      signal.throwIfAborted();
      return {};
    }
    renew = status === 401 && renewable && !renew;
    if (status === 204 || renew) {
      body?.cancel().catch(() => {});
      return { final: !renew, renew };
    }
    return {
      error: await responseError(response),
      final: !isRetryable(status),
      retryAfter: retryAfter(response.headers),
    };
  } catch (cause) {
    if (cause instanceof SseError) return { error: cause, final: cause.code === "too-large" };
    const why = cause instanceof Error ? cause.message : String(cause);
    return { error: new SseError("connection-error", `the connection failed: ${why}`, { cause }) };
  }
}

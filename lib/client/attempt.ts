import { SseError } from "../errors.js";
import { type HeadersOption, streamHeaders } from "./request.js";
import { isEventStream, refusalOf } from "./response.js";
import { type Silence, watchSilence } from "./silence.js";

export interface AttemptRequest {
  url: string;
  init: RequestInit;
  headers?: HeadersOption | undefined;
  fetch?: ((url: string, init: RequestInit) => Promise<Response>) | undefined;
  /** In ms; 0 means never. */
  heartbeatTimeout: number;
}

/** Who takes what the server streams. */
export interface Receiver {
  /** The request goes out. */
  onSent?: (() => void) | undefined;
  /** The server streams. */
  onOpen?(): void;
  /** Whether more is wanted. Asked before each piece, which waits for the answer. */
  wants(): boolean | Promise<boolean>;
  take(bytes: Uint8Array): void;
}

/** How an attempt ended. Without `error` the server ended the stream, or no more was wanted. */
export interface Ending {
  error?: SseError | undefined;
  /** There is to be no other. */
  final?: boolean;
  /** How long the server asks to wait, in ms. */
  retryAfter?: number | undefined;
}

/** How much is taken at a time, in bytes. */
const stride = 16 * 1024;

/**
 * One request for an event stream, to its end; two, where the first finds the token refused.
 *
 * @param stop the attempt's own: it is aborted when nothing is heard, or anything fails
 */
export async function attempt(
  request: AttemptRequest,
  lastEventId: string,
  stop: AbortController,
  receiver: Receiver,
  renew = false,
): Promise<Ending> {
  const { url, init, headers, fetch: given = fetch, heartbeatTimeout } = request;
  const { signal } = stop;
  let silence: Silence | undefined;
  try {
    const renewable = typeof headers === "function";
    const sent = streamHeaders(renewable ? await headers(renew) : headers, lastEventId);
    signal.throwIfAborted();
    receiver.onSent?.();
    silence = watchSilence(heartbeatTimeout, stop);
    const response = await given(url, { cache: "no-store", ...init, headers: sent, signal });
    const { status, body } = response;
    if (isEventStream(response)) {
      if (body) await read(body, signal, silence, receiver);
      signal.throwIfAborted();
      return {};
    }
    if (status === 401 && renewable && !renew) {
      body?.cancel().catch(() => {});
      return attempt(request, lastEventId, stop, receiver, true);
    }
    return await refusalOf(response);
  } catch (cause) {
    stop.abort();
    if (cause instanceof SseError) {
      return { error: cause, final: /^(too-large|invalid-data)$/.test(cause.code) };
    }
    // Not all that can be thrown has a text.
    const why = `the connection failed: ${Object(cause).message ?? typeof cause}`;
    return { error: new SseError("connection-error", why, { cause }) };
  } finally {
    silence?.end();
  }
}

async function read(
  body: ReadableStream<Uint8Array>,
  signal: AbortSignal,
  silence: Silence,
  receiver: Receiver,
): Promise<void> {
  const reader = body.getReader();
  const cancel = () => void reader.cancel().catch(() => {});
  // The given `fetch` may forget it.
  signal.addEventListener("abort", cancel);
  receiver.onOpen?.();
  let bytes: Uint8Array = new Uint8Array();
  silence.heard = Number.POSITIVE_INFINITY;
  while (await receiver.wants()) {
    if (bytes.length === 0) {
      silence.heard = Date.now();
      const { done, value } = await reader.read();
      silence.heard = Number.POSITIVE_INFINITY;
      if (done) return;
      bytes = value;
    }
    receiver.take(bytes.subarray(0, stride));
    bytes = bytes.subarray(stride);
  }
  // What comes next is the response's end; a server should not find that its client has gone.
  reader.read().then(cancel, cancel);
}

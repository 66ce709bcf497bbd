import { SseError } from "../errors.js";
import type { Ending } from "./attempt.js";
import { isRetryable, retryAfter } from "./retry.js";

/** Whether it is an event stream by its status and its type, whatever the type's parameters. */
export function isEventStream({ status, headers }: Response): boolean {
  const type = headers.get("content-type") ?? "";
  return status === 200 && /^text\/event-stream\s*(;|$)/i.test(type);
}

/**
 * How an attempt ends with a response that is no stream: with `http-error` for its status, `not-a-stream`
 * for its content type. Reads the beginning of the body and cancels the rest.
 */
export async function refusalOf({ status, headers, body }: Response): Promise<Ending> {
  const type = headers.get("content-type") ?? "no content-type";
  const isRefusal = status !== 200 && status !== 204;
  const what = isRefusal ? status : `${status} with ${type}, not text/event-stream`;
  const reader = body?.getReader();
  // The request may be aborted meanwhile.
  const read = await reader?.read().catch(() => undefined);
  reader?.cancel().catch(() => {});
  const shown = new TextDecoder().decode(read?.value).slice(0, 200).trim();
  const error = new SseError(
    isRefusal ? "http-error" : "not-a-stream",
    `the server answered ${what}${shown && `: ${JSON.stringify(shown)}`}`,
    { status },
  );
  return { error, final: !isRetryable(status), retryAfter: retryAfter(headers) };
}

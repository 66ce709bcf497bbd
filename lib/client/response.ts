import { SseError } from "../errors.js";

/** Whether the body is an event stream by its type, whatever the type's parameters. */
export function isEventStream(response: Response): boolean {
  return /^text\/event-stream\s*(;|$)/i.test(response.headers.get("content-type") ?? "");
}

/**
 * The error to report for a response that is no stream: `http-error` for its status, `not-a-stream`
 * for its content type. Reads the beginning of the body and cancels the rest.
 */
export async function responseError({ status, headers, body }: Response): Promise<SseError> {
  const type = headers.get("content-type") ?? "no content type";
  const isRefusal = status !== 200 && status !== 204;
  const what = isRefusal ? status : `${status} with ${type}, not with text/event-stream`;
  const reader = body?.getReader();
  // The request may be aborted meanwhile.
  const read = await reader?.read().catch(() => undefined);
  reader?.cancel().catch(() => {});
  const shown = new TextDecoder().decode(read?.value).slice(0, 200).trim();
  return new SseError(
    isRefusal ? "http-error" : "not-a-stream",
    `the server answered ${what}${shown && `: ${JSON.stringify(shown)}`}`,
    { status },
  );
}

import { SseError } from "../errors.js";

const shownChars = 200;
/** How long the beginning of an error report may take to come, in ms. */
const patience = 2000;

/** Whether the body is an event stream by its type, whatever the type's parameters. */
export function isEventStream(response: Response): boolean {
  return /^\s*text\/event-stream\s*(;|$)/i.test(response.headers.get("content-type") ?? "");
}

/**
 * The error to report for a response that is no stream: `http-error` for its status, `not-a-stream`
 * for its content type. Reads the beginning of the body and cancels the rest.
 */
export async function responseError(response: Response, signal?: AbortSignal): Promise<SseError> {
  const { status, headers } = response;
  const body = await beginning(response, signal);
  const shown = body && `: ${JSON.stringify(body)}`;
  if (status !== 200) {
    return new SseError("http-error", `the server answered ${status}${shown}`, { status });
  }
  const type = headers.get("content-type") ?? "no content type";
  const message = `the server answered ${status} with ${type}, not with text/event-stream${shown}`;
  return new SseError("not-a-stream", message, { status });
}

async function beginning(response: Response, signal: AbortSignal | undefined): Promise<string> {
  const reader = response.body?.getReader();
  if (!reader) return "";
  const decoder = new TextDecoder();
  let text = "";
  // What is being read then ends, as if there were no more.
  const stop = () => void reader.cancel().catch(() => {});
  const timer = setTimeout(stop, patience);
  signal?.addEventListener("abort", stop);
  try {
    while (text.length < shownChars) {
      const { done, value } = await reader.read();
      if (done) break;
      text += decoder.decode(value, { stream: true });
    }
  } catch {
    // What came before is shown.
  }
  clearTimeout(timer);
  signal?.removeEventListener("abort", stop);
  stop();
  return text.slice(0, shownChars).trim();
}

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
export async function responseError(response: Response): Promise<SseError> {
  const { status, headers } = response;
  const type = headers.get("content-type") ?? "no content type";
  const isRefusal = status !== 200;
  const what = isRefusal ? status : `200 with ${type}, not with text/event-stream`;
  const body = await beginning(response);
  return new SseError(
    isRefusal ? "http-error" : "not-a-stream",
    `the server answered ${what}${body && `: ${JSON.stringify(body)}`}`,
    { status },
  );
}

/** Ends early, with what there is, when the request is aborted. */
async function beginning({ body }: Response): Promise<string> {
  const reader = body?.getReader();
  const decoder = new TextDecoder();
  let text = "";
  // What is being read then ends, as if there were no more.
  const stop = () => void reader?.cancel().catch(() => {});
  const timer = setTimeout(stop, patience);
  try {
    while (text.length < shownChars) {
      const { done, value } = (await reader?.read()) ?? { done: true };
      if (done) break;
      text += decoder.decode(value, { stream: true });
    }
  } catch {
    // What came before is shown.
  }
  clearTimeout(timer);
  stop();
  return text.slice(0, shownChars).trim();
}

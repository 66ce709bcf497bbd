import { SseError } from "../errors.js";
import { responseError } from "./response.js";
import { isRetryable, retryAfter } from "./retry.js";

/** An error after which the same is tried again. */
export class Passing {
  readonly error: SseError;
  /** Not before, in ms from now. */
  readonly after: number | undefined;

  constructor(error: SseError, after?: number) {
    this.error = error;
    this.after = after;
  }
}

/** What to throw for what `fetch` threw: before the response, or within it. */
export function lost(cause: unknown): SseError | Passing {
  const { name, message } = Object(cause);
  // The page is being left, or the application's own `fetch` gives up.
  if (name === "AbortError") return new SseError("aborted", "the request was aborted.", { cause });
  return new Passing(
    new SseError("connection-error", `the connection failed: ${message}`, { cause }),
  );
}

/** What to throw for a response that is no stream. */
export async function refused(
  response: Response,
  signal: AbortSignal,
): Promise<SseError | Passing> {
  const error = await responseError(response, signal);
  const { status, headers } = response;
  return isRetryable(status) ? new Passing(error, retryAfter(headers)) : error;
}

/** What the application's own functions throw is an error like others. */
export function asSseError(thrown: unknown): SseError {
  if (thrown instanceof Passing) return thrown.error;
  if (thrown instanceof SseError) return thrown;
  const { message = thrown } = Object(thrown);
  return new SseError("connection-error", `the request failed: ${message}`, { cause: thrown });
}

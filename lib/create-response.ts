import type { DefaultEvents } from "../types/events.js";
import type { Connection } from "./connection/connection.js";
import { describe, SseError, warn } from "./errors.js";
import type { DefaultSessionState, SessionOptions } from "./options.js";
import { Session } from "./session.js";

/** What `createResponse` calls with the session once it has connected. */
export type CreateResponseCallback<
  State = DefaultSessionState,
  Events extends object = DefaultEvents,
> = (session: Session<State, Events>) => unknown;

/**
 * Creates a session over Fetch and returns the `Response` to answer the request with.
 *
 * The last argument is called with the session once it has connected, which it does when the body
 * of the response is read. When it throws, or its promise rejects, the session is closed and a
 * warning of the process tells the error, unless that came of the client's leaving.
 *
 * @throws {SseError} `invalid-argument`, `invalid-option`, `invalid-header`
 */
export function createResponse<State = DefaultSessionState, Events extends object = DefaultEvents>(
  request: Request | Connection,
  callback: CreateResponseCallback<State, Events>,
): Response;
export function createResponse<State = DefaultSessionState, Events extends object = DefaultEvents>(
  request: Request,
  response: Response | null | undefined,
  callback: CreateResponseCallback<State, Events>,
): Response;
export function createResponse<State = DefaultSessionState, Events extends object = DefaultEvents>(
  request: Request | Connection,
  options: SessionOptions<State> | undefined,
  callback: CreateResponseCallback<State, Events>,
): Response;
export function createResponse<State = DefaultSessionState, Events extends object = DefaultEvents>(
  request: Request,
  response: Response | null | undefined,
  options: SessionOptions<State> | undefined,
  callback: CreateResponseCallback<State, Events>,
): Response;
export function createResponse(...args: unknown[]): Response {
  const callback = args.pop();
  if (typeof callback !== "function") {
    throw new SseError(
      "invalid-argument",
      `the last argument of createResponse must be a callback function, not ${describe(callback)}.`,
    );
  }
  const session = new Session(...(args as [Request]));
  session.once("connected", () => run(callback as CreateResponseCallback, session));
  return session.getResponse();
}

async function run(callback: CreateResponseCallback, session: Session): Promise<void> {
  try {
    await callback(session);
  } catch (error) {
    if (session.isConnected || !isOfLeaving(error)) {
      warn("the callback of createResponse failed, its session is closed", error);
    }
    await session.close();
  }
}

/** Whether an error is what comes of the client's leaving: a late push, or an aborted request. */
function isOfLeaving(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error instanceof SseError) return error.code === "not-connected";
  // The SDKs of OpenAI and Anthropic name theirs by the class alone.
  return error.name === "AbortError" || error.constructor.name === "APIUserAbortError";
}

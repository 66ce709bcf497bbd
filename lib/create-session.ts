import type { IncomingMessage, ServerResponse } from "node:http";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import type { DefaultEvents } from "../types/events.js";
import type { Connection } from "./connection/connection.js";
import { isFetchRequest } from "./connection/open.js";
import { SseError } from "./errors.js";
import type { Disconnection } from "./internal.js";
import type { DefaultSessionState, SessionOptions } from "./options.js";
import { Session } from "./session.js";

type Told = (event: Disconnection) => void;

/** A session, whatever its state and events are. */
interface Connecting {
  once(event: "connected" | "disconnected", listener: Told): unknown;
  off(event: "connected" | "disconnected", listener: Told): unknown;
}

/**
 * Creates a session.
 *
 * @returns Over Node's HTTP APIs and a custom `Connection`: a promise of the session once it has
 * connected. Over Fetch: a promise of the session before, as it connects only when the `Response`
 * of `session.getResponse()` is read; see `createResponse`. The promise rejects with what the
 * constructor of `Session` throws, and with what sending the head did.
 */
export function createSession<State = DefaultSessionState, Events extends object = DefaultEvents>(
  req: IncomingMessage,
  res: ServerResponse,
  options?: SessionOptions<State>,
): Promise<Session<State, Events>>;
export function createSession<State = DefaultSessionState, Events extends object = DefaultEvents>(
  req: Http2ServerRequest,
  res: Http2ServerResponse,
  options?: SessionOptions<State>,
): Promise<Session<State, Events>>;
export function createSession<State = DefaultSessionState, Events extends object = DefaultEvents>(
  req: Request,
  res?: Response | null,
  options?: SessionOptions<State>,
): Promise<Session<State, Events>>;
export function createSession<State = DefaultSessionState, Events extends object = DefaultEvents>(
  req: Request,
  options?: SessionOptions<State>,
): Promise<Session<State, Events>>;
export function createSession<State = DefaultSessionState, Events extends object = DefaultEvents>(
  connection: Connection,
  options?: SessionOptions<State>,
): Promise<Session<State, Events>>;
export async function createSession<State, Events extends object>(
  ...args: unknown[]
): Promise<Session<State, Events>> {
  const session = new Session<State, Events>(...(args as [Request]));
  if (isFetchRequest(args[0])) return session;
  return whenConnected(session);
}

/**
 * Waits for a session that connects by itself.
 *
 * @returns A promise that rejects with what sending the head threw, and `SseError` `not-connected`
 * when the client goes first.
 */
export function whenConnected<S extends Connecting>(session: S): Promise<S> {
  return new Promise((resolve, reject) => {
    const onConnected = () => {
      session.off("disconnected", onDisconnected);
      resolve(session);
    };
    const onDisconnected = ({ error }: Disconnection) => {
      session.off("connected", onConnected);
      reject(
        error ?? new SseError("not-connected", "the client went before the session connected."),
      );
    };
    session.once("connected", onConnected);
    session.once("disconnected", onDisconnected);
  });
}

import type { DefaultEvents } from "../../types/events.js";
import { whenConnected } from "../create-session.js";
import { detachable } from "../detachable.js";
import { checkOptions, describe, SseError } from "../errors.js";
import { type DefaultSessionState, milliseconds, type SessionOptions } from "../options.js";
import { Session } from "../session.js";
import { MessageSocket, type ServerWebSocket, type UpgradeRequest } from "./message-socket.js";
import { SessionConnection } from "./session-connection.js";

export interface WebSocketSessionOptions<State = DefaultSessionState>
  extends Omit<SessionOptions<State>, "statusCode" | "headers" | "transport" | "keepAlive"> {
  /**
   * The request that asked for the upgrade: for `getRequest()`, and for `lastId`, which a browser can
   * give in the query only, as `lastEventId`. With it, several messages leave in one write, too.
   *
   * Defaults to none.
   */
  request?: UpgradeRequest | undefined;
  /**
   * After how many ms of silence the client is sent a ping, which no page sees; `null` for never.
   *
   * Defaults to `10000`.
   */
  keepAlive?: number | null | undefined;
  /**
   * For how many ms a ping may stay unanswered before the client is disconnected; `null` for ever.
   *
   * Defaults to `30000`.
   */
  pongTimeout?: number | null | undefined;
  /**
   * When the client is to connect again, in ms, sent as `{"type": "retry", "retry": …}` first of all:
   * a whole number, or `null` to leave it to the client.
   *
   * Defaults to `null`.
   */
  retry?: number | null | undefined;
}

/** In ms; 0 for never. @throws {SseError} `invalid-option` */
export function pongTimeoutOf(pongTimeout: number | null = 30_000): number {
  return milliseconds("pongTimeout", pongTimeout);
}

/** RFC 6455, 7.4: what a server may close with. */
function checkClosing(code: unknown, reason: unknown): void {
  const isCode = Number.isInteger(code);
  const given = code as number;
  const isDefined = given >= 1000 && given <= 1014 && ![1004, 1005, 1006].includes(given);
  if (!isCode || !(isDefined || (given >= 3000 && given <= 4999))) {
    throw new SseError(
      "invalid-argument",
      `a close code is ${describe(code)}; it must be one of 1000 to 1014 that may be sent, or 3000 to 4999.`,
    );
  }
  if (typeof reason !== "string" || Buffer.byteLength(reason) > 123) {
    throw new SseError(
      "invalid-argument",
      `a close reason is ${describe(reason)}; it must be a string of at most 123 bytes.`,
    );
  }
}

function requireWebSocket(ws: unknown): asserts ws is ServerWebSocket {
  const shape = Object(ws);
  const names = ["send", "ping", "pong", "close", "terminate", "on", "off"];
  if (names.every((name) => typeof shape[name] === "function") && shape.readyState !== 0) return;
  throw new SseError(
    "invalid-argument",
    `a session cannot be created from ${describe(ws)}; it must be a WebSocket of the package ws that has connected.`,
  );
}

/**
 * A session over a WebSocket: the client gets each event as a text message of JSON, and whatever else
 * is said of `Session` holds. What the client sends, the session does not read.
 *
 * It ends with the WebSocket, which it closes when it ends itself.
 */
export class WebSocketSession<
  State = DefaultSessionState,
  Events extends object = DefaultEvents,
> extends Session<State, Events> {
  readonly #connection: SessionConnection;
  #isClosing = false;

  /** @throws {SseError} `invalid-argument`, `invalid-option` */
  constructor(ws: ServerWebSocket, options?: WebSocketSessionOptions<State>) {
    requireWebSocket(ws);
    const { request, pongTimeout, retry = null, ...given } = checkOptions(options) ?? {};
    const timeout = pongTimeoutOf(pongTimeout);
    const connection = new SessionConnection(MessageSocket.of(ws), timeout, request);
    super(connection, { ...given, retry });
    this.#connection = connection;
  }

  /**
   * Sends what waits, then closes the WebSocket.
   *
   * @param code Of the close frame; see RFC 6455, 7.4. Defaults to `1000`.
   * @param reason At most 123 bytes in UTF-8. Defaults to `""`.
   * @returns A promise that resolves when the WebSocket has closed. It never rejects.
   * @throws {SseError} `invalid-argument`
   */
  override close(code = 1000, reason = ""): Promise<void> {
    checkClosing(code, reason);
    if (!this.#isClosing) this.#connection.closing = { code, reason };
    this.#isClosing = true;
    return super.close();
  }
}

detachable(WebSocketSession.prototype, "close");

/**
 * Creates a session over a WebSocket that is open: that of a `connection` event of `ws`.
 *
 * @returns A promise of the session once it has connected; that of a client that has gone by then ends
 * right after. It rejects with what the constructor of `WebSocketSession` throws.
 */
export async function createWebSocketSession<
  State = DefaultSessionState,
  Events extends object = DefaultEvents,
>(
  ws: ServerWebSocket,
  options?: WebSocketSessionOptions<State>,
): Promise<WebSocketSession<State, Events>> {
  return whenConnected(new WebSocketSession<State, Events>(ws, options));
}

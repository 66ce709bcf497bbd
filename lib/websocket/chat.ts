import type { IncomingMessage } from "node:http";
import { whenConnected } from "../create-session.js";
import { describe, SseError } from "../errors.js";
import { requireOption, settingsOf } from "../options.js";
import type { Session } from "../session.js";
import {
  Exchange,
  type GenerationAction,
  type GenerationRequest,
} from "../streaming/generations/exchange.js";
import type { Generations } from "../streaming/generations/generations.js";
import type { StartOptions } from "../streaming/generations/options.js";
import type { GenerationSource } from "../streaming/generations/run.js";
import { ChatConnection } from "./chat-connection.js";
import { chatLimitsOf, type WebSocketChatLimits } from "./chat-limits.js";
import type { Inbound, SendFrame } from "./inbound.js";
import type { ServerWebSocket, UpgradeRequest } from "./message-socket.js";
import type { ChatMessage } from "./messages.js";
import { pongTimeoutOf, WebSocketSession, type WebSocketSessionOptions } from "./session.js";

/** A message, and whose it is. */
export interface WebSocketChatRequest<Req = IncomingMessage, Message = Inbound> {
  /**
   * As the client sent it: `chat`, `cancel`, `resume`, or a frame of the AI SDK. The fields named there
   * are of the right type; whatever else there is can be anything.
   */
  message: Message;
  /** The request that asked for the upgrade. */
  request: Req;
  session: WebSocketSession;
}

/** What to start: a `GenerationRequest` whose id is the message's. */
export interface WebSocketGeneration extends Omit<StartOptions, "protocol"> {
  /** Of the message, if it is given. */
  id?: string | undefined;
  run: GenerationSource;
  /** Whether what is running under the id is stopped first. Defaults to `false`: it is refused. */
  replace?: boolean | undefined;
}

export interface WebSocketChatOptions<Req = IncomingMessage> {
  /** What to start for a `chat` message or a `send` frame. It is called before `authorize`. */
  start: (
    asked: WebSocketChatRequest<Req, ChatMessage | SendFrame>,
  ) => WebSocketGeneration | PromiseLike<WebSocketGeneration>;
  /**
   * Whether the client may do this with the generation: nobody should watch or stop another one's.
   * Where it does not return `true`, the message is refused, whether the generation exists or not.
   */
  authorize: (
    asked: WebSocketChatRequest<Req>,
    id: string,
    action: GenerationAction,
  ) => boolean | PromiseLike<boolean>;
  /** Of the session of each WebSocket; its limits are those of each answer as well. */
  session?: Omit<WebSocketSessionOptions<never>, "request" | "state"> | undefined;
  limits?: WebSocketChatLimits | undefined;
  /**
   * Called with what `start` and `authorize` throw; the client is told that the request failed.
   *
   * Defaults to a warning of the process.
   */
  onError?: ((error: unknown, asked: WebSocketChatRequest<Req>) => void) | undefined;
}

/**
 * Takes over a WebSocket: a listener of the `connection` event of a server of `ws`.
 *
 * @returns A promise of the WebSocket's session, which can be registered in channels. Nothing needs to
 * wait for it.
 */
export type WebSocketChatHandler<Req = IncomingMessage> = (
  ws: ServerWebSocket,
  request: Req,
) => Promise<WebSocketSession>;

/**
 * Lets clients of WebSockets start, watch, stop and resume generations: `WebSocketChat`, and the AI
 * SDK's `WebSocketChatTransport`, whose frames are told by their `requestId`.
 *
 *     server.on("connection", webSocketChat(generations, { start, authorize }));
 *
 * A generation goes on when its client's WebSocket is lost.
 *
 * @throws {SseError} `invalid-option`
 */
export function webSocketChat<Req extends UpgradeRequest = IncomingMessage>(
  generations: Generations,
  options: WebSocketChatOptions<Req>,
): WebSocketChatHandler<Req> {
  type Asked = WebSocketChatRequest<Req>;
  const { start, onError } = options ?? {};
  const exchange = new Exchange<Asked, Session>(generations, {
    ...options,
    session: undefined,
    start: typeof start === "function" ? (asked) => generationOf(asked, start) : (start as never),
  });
  requireOption(
    onError === undefined || typeof onError === "function",
    "onError",
    onError,
    "a function",
  );
  const { session: sessionOptions, limits: given } = options;
  settingsOf(sessionOptions);
  pongTimeoutOf(sessionOptions?.pongTimeout);
  const settings = { limits: chatLimitsOf(given), options: sessionOptions, onError };
  return (ws, request) => {
    const session = new WebSocketSession(ws, { ...sessionOptions, request });
    const opening = whenConnected(session);
    // Who only listens for connections does not wait for it.
    opening.catch(() => {});
    new ChatConnection({ ws, request, session, opening, generations, exchange, ...settings });
    return opening;
  };
}

/** What `start` says, for the id and in the protocol that the client reads. */
async function generationOf<Req>(
  given: WebSocketChatRequest<Req>,
  start: WebSocketChatOptions<Req>["start"],
): Promise<GenerationRequest> {
  const asked = given as WebSocketChatRequest<Req, ChatMessage | SendFrame>;
  const { type, id } = asked.message;
  const generation = await start(asked);
  if (generation.id !== undefined && generation.id !== id) {
    throw new SseError(
      "invalid-option",
      `start returned the id ${describe(generation.id)} for a message of the id ${describe(id)}; leave it out, or return the same.`,
    );
  }
  return { ...generation, id, protocol: type === "send" ? "ai-sdk" : "events" };
}

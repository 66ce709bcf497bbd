import type { ServerMessage } from "../websocket/messages.js";
import type { GivenMessage, Message } from "./ai-stream-config.js";
import type { ConversationEvents } from "./conversation.js";
import type { RetryConfig } from "./retry.js";

/** What is used of a WebSocket: that of browsers and Node, and of the package `ws`. */
export interface ClientWebSocket {
  onopen: unknown;
  onmessage: unknown;
  onclose: unknown;
  onerror: unknown;
  readonly readyState: number;
  send(text: string): void;
  close(): void;
}

type Url = string | URL;

export interface WebSocketChatConfig {
  /** `ws:` or `wss:`. A function is asked before each connection, so that it can renew a token. */
  url: Url | (() => Url);
  /** Subprotocols. Defaults to none. */
  protocols?: string | string[] | undefined;
  /** Defaults to the global one; Node has one from version 22 on, and before, that of `ws` will do. */
  WebSocket?: (new (url: Url, protocols?: string | string[]) => ClientWebSocket) | undefined;
  /**
   * How often in a row, and when, to connect again for an answer that is under way. Once the answer has
   * gone on, counting begins anew. Defaults to 5 retries, exponential, of 1000 ms to 10 000 ms; `false`:
   * none.
   */
  retry?: RetryConfig | false | undefined;
  /** What to ask with, beside `type` and `id`. Defaults to `{prompt, messages}`. */
  body?: ((asked: WebSocketPrompt) => object) | undefined;
  /** The conversation so far. */
  messages?: readonly GivenMessage[] | undefined;
}

/** What a `chat` message is made of. */
export interface WebSocketPrompt {
  /** The last of `messages`. */
  prompt: string;
  /** The conversation, without answers that have no text. */
  messages: Pick<Message, "role" | "content">[];
}

/** Events, and what their listeners get. */
export interface WebSocketChatEvents extends ConversationEvents {
  /** An event of the server's session, such as those of channels. */
  event: [event: Extract<ServerMessage, { type: "event" }>];
}

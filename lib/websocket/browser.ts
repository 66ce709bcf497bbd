/** `stream-llm/websocket` for browsers: the client. Servers get `index.ts`. */

export type { Message } from "../client/ai-stream-config.js";
export type { RetryConfig } from "../client/retry.js";
export { WebSocketChat } from "../client/websocket-chat.js";
export type {
  ClientWebSocket,
  WebSocketChatConfig,
  WebSocketChatEvents,
  WebSocketPrompt,
} from "../client/websocket-chat-config.js";
export { SseError, type SseErrorCode } from "../errors.js";
export type {
  AnswerMessage,
  CancelMessage,
  ChatMessage,
  ClientMessage,
  RefusalMessage,
  ResumeMessage,
  ServerMessage,
} from "./messages.js";

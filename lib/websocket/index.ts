/** `stream-llm/websocket` where the engine can be loaded; browsers get `browser.ts`, the client. */

export * from "./browser.js";
export {
  type WebSocketChatHandler,
  type WebSocketChatOptions,
  type WebSocketChatRequest,
  type WebSocketGeneration,
  webSocketChat,
} from "./chat.js";
export type { WebSocketChatLimits } from "./chat-limits.js";
export type { AbortFrame, ResumeFrame, SendFrame } from "./inbound.js";
export type { ServerWebSocket, UpgradeRequest } from "./message-socket.js";
export {
  createWebSocketSession,
  WebSocketSession,
  type WebSocketSessionOptions,
} from "./session.js";

export type { ServerWebSocket, UpgradeRequest } from "./message-socket.js";
export {
  createWebSocketSession,
  WebSocketSession,
  type WebSocketSessionOptions,
} from "./session.js";

import { clearTimeout, setTimeout } from "node:timers";
import { SseError } from "../errors.js";
import { type DisconnectReason, kBegin, kEnd, kLost, kRelease } from "../internal.js";
import { WebSocketConnection } from "./connection.js";
import { messagesOf } from "./event-messages.js";
import type { MessageSocket, UpgradeRequest } from "./message-socket.js";

/** The connection of a session that has the WebSocket to itself, or shares it with answers. */
export class SessionConnection extends WebSocketConnection {
  /** With what the WebSocket is closed when the session ends. */
  closing = { code: 1000, reason: "" };
  /** In ms; 0 for never. */
  readonly #pongTimeout: number;
  #unanswered: NodeJS.Timeout | undefined;
  #stopListening: (() => void) | undefined;

  constructor(socket: MessageSocket, pongTimeout: number, upgrade?: UpgradeRequest) {
    super(socket, upgrade);
    this.#pongTimeout = pongTimeout;
  }

  override [kBegin](): DisconnectReason | undefined {
    this.#stopListening = this.socket.onPong(() => this.#answered());
    return super[kBegin]();
  }

  protected override sendEvents(bytes: Buffer): void {
    const { messages, hasKeepAlive } = messagesOf(bytes);
    this.socket.send(messages, this.upgrade.socket);
    // It was due because nothing else was sent.
    if (hasKeepAlive) this.#ping();
  }

  /** Waits for the client's half of the closing handshake, for `timeout` ms at most. */
  override [kEnd](timeout: number, callback: () => void): void {
    const { socket } = this;
    if (socket.isClosed) {
      callback();
      return;
    }
    const timer = timeout > 0 ? setTimeout(() => socket.terminate(), timeout) : undefined;
    timer?.unref();
    socket.onClosed(() => {
      clearTimeout(timer);
      callback();
    });
    socket.close(this.closing.code, this.closing.reason);
  }

  override [kRelease](): void {
    this.#answered();
    this.#stopListening?.();
    super[kRelease]();
  }

  #ping(): void {
    this.socket.ping();
    if (this.#pongTimeout === 0 || this.#unanswered) return;
    this.#unanswered = setTimeout(() => this.#lost(), this.#pongTimeout);
    this.#unanswered.unref();
  }

  #answered(): void {
    clearTimeout(this.#unanswered);
    this.#unanswered = undefined;
  }

  #lost(): void {
    const message = `the client answered no ping for ${this.#pongTimeout} ms.`;
    this.observer?.[kLost]("ping-timeout", new SseError("not-connected", message));
  }
}

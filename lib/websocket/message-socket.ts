import type { IncomingMessage } from "node:http";

/**
 * What is used of a WebSocket of the package `ws`. One of another implementation will do that has the
 * same methods and events, and calls back when a message has left.
 */
export interface ServerWebSocket {
  readonly readyState: number;
  readonly bufferedAmount: number;
  send(data: Uint8Array | string, options: object, callback?: (error?: Error) => void): void;
  ping(): void;
  pong(data: Uint8Array, mask: boolean, callback: (error?: Error) => void): void;
  close(code?: number, reason?: string): void;
  terminate(): void;
  on(event: string, listener: (...args: never[]) => void): unknown;
  off(event: string, listener: (...args: never[]) => void): unknown;
}

/** The request that asked for the upgrade: the second argument of a server's `connection` event. */
export type UpgradeRequest = Pick<IncomingMessage, "url" | "method" | "headers" | "socket">;

/** https://websockets.spec.whatwg.org/#dom-websocket-readystate */
const open = 1;
const closed = 3;
const nothing = new Uint8Array(0);
const asText = { binary: false };

/** The part of `net.Socket` that has several messages leave at once. */
interface Corked {
  cork?(): void;
  uncork?(): void;
}

/**
 * What all that is sent over one WebSocket shares, a session and any number of answers: whether it
 * takes more, and its end. It listens to the WebSocket until that has closed, and not for longer.
 */
export class MessageSocket {
  static readonly #known = new WeakMap<ServerWebSocket, MessageSocket>();

  readonly #ws: ServerWebSocket;
  readonly #closed = new Set<() => void>();
  readonly #waiting = new Set<() => void>();
  /** Callbacks that are under way, which come when what was written before them has left. */
  #awaited = 0;

  /** The one of `ws`. */
  static of(ws: ServerWebSocket): MessageSocket {
    let known = MessageSocket.#known.get(ws);
    if (!known) {
      known = new MessageSocket(ws);
      MessageSocket.#known.set(ws, known);
    }
    return known;
  }

  private constructor(ws: ServerWebSocket) {
    this.#ws = ws;
    if (ws.readyState === closed) return;
    // Without a listener the process would end; what went wrong, the close that follows tells.
    const onError = () => {};
    const onClose = () => {
      ws.off("error", onError);
      ws.off("close", onClose);
      this.#waiting.clear();
      for (const told of this.#closed) told();
    };
    ws.on("error", onError);
    ws.on("close", onClose);
  }

  get isOpen(): boolean {
    return this.#ws.readyState === open;
  }

  get isClosed(): boolean {
    return this.#ws.readyState === closed;
  }

  /** Bytes that have not left yet. */
  get buffered(): number {
    return this.isOpen ? this.#ws.bufferedAmount : 0;
  }

  /** Sends text messages, to no effect when the socket is not open. */
  send(messages: readonly (Uint8Array | string)[], via?: Corked): void {
    if (!this.isOpen || messages.length === 0) return;
    const last = messages.length - 1;
    this.#awaited++;
    if (last > 0) via?.cork?.();
    for (const [at, message] of messages.entries()) {
      if (at < last) this.#ws.send(message, asText);
      else this.#ws.send(message, asText, this.#onLeft);
    }
    if (last > 0) via?.uncork?.();
  }

  ping(): void {
    if (this.isOpen) this.#ws.ping();
  }

  /** Calls back once, when all that was written has left; not when the socket closes before. */
  whenIdle(callback: () => void): void {
    this.#waiting.add(callback);
    if (this.#awaited === 0) this.#follow();
  }

  /** Takes back what `whenIdle` was given. */
  forget(callback: () => void): void {
    this.#waiting.delete(callback);
  }

  /** Calls back when the socket has closed, unless it has already. */
  onClosed(callback: () => void): () => void {
    this.#closed.add(callback);
    return () => this.#closed.delete(callback);
  }

  /** Listens to the client's answers to `ping()`. */
  onPong(listener: () => void): () => void {
    this.#ws.on("pong", listener);
    return () => this.#ws.off("pong", listener);
  }

  /** Begins the closing handshake. RFC 6455, 7.1.2 */
  close(code: number, reason = ""): void {
    this.#ws.close(code, reason);
  }

  /** Cuts the connection, whatever waits. */
  terminate(): void {
    this.#ws.terminate();
  }

  readonly #onLeft = (error?: Error | null): void => {
    this.#awaited--;
    if (error || this.#waiting.size === 0 || this.#awaited > 0) return;
    if (this.#ws.bufferedAmount > 0) {
      this.#follow();
      return;
    }
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const callback of waiting) callback();
  };

  /**
   * Awaits what others have sent, or what came after the message that was awaited: by a pong, which
   * may be sent unasked and means nothing. RFC 6455, 5.5.3
   */
  #follow(): void {
    if (!this.isOpen) return;
    this.#awaited++;
    this.#ws.pong(nothing, false, this.#onLeft);
  }
}

import { kEnd, kGone, kHeader, kQuery, kWrite } from "../internal.js";
import type { AnswerMessages } from "./answer-messages.js";
import { WebSocketConnection } from "./connection.js";
import { readEvents } from "./event-messages.js";
import type { MessageSocket, UpgradeRequest } from "./message-socket.js";

export interface AnswerConnectionOptions {
  /** What the client got last, if it goes on from there. */
  lastEventId: string | undefined;
  /** Called when the answer's session has ended. */
  onEnded: () => void;
  /** Called, after that, when the client does not know of the answer's end. */
  onBroken: () => void;
}

/** How an answer gets to a client over a WebSocket that has more to carry, and that it does not close. */
export class AnswerConnection extends WebSocketConnection {
  readonly #messages: AnswerMessages;
  readonly #options: AnswerConnectionOptions;
  #isLeft = false;

  constructor(
    socket: MessageSocket,
    upgrade: UpgradeRequest,
    messages: AnswerMessages,
    options: AnswerConnectionOptions,
  ) {
    super(socket, upgrade);
    this.#messages = messages;
    this.#options = options;
  }

  /** The client is told nothing more, whatever still waits; the session ends as one whose client has gone. */
  leave(): void {
    this.#isLeft = true;
    this.observer?.[kGone]();
  }

  override cleanup(): void {
    this.#options.onEnded();
  }

  override sendHead(): void {
    const head = this.#messages.head();
    if (head !== undefined) this.socket.send([head]);
  }

  protected override sendEvents(bytes: Buffer): void {
    const texts: string[] = [];
    for (const event of readEvents(bytes).events) {
      const text = this.#messages.ended ? undefined : this.#messages.of(event);
      if (text !== undefined) texts.push(text);
    }
    this.socket.send(texts, this.upgrade.socket);
  }

  override [kWrite](bytes: Buffer): void {
    if (!this.#isLeft) super[kWrite](bytes);
  }

  override [kEnd](_timeout: number, callback: () => void): void {
    if (!this.#messages.ended && !this.#isLeft) this.#options.onBroken();
    callback();
  }

  override [kHeader](name: string): string | null {
    if (name === "last-event-id") return this.#options.lastEventId ?? null;
    return super[kHeader](name);
  }

  /** That of the upgrade is about another answer, if any. */
  override get [kQuery](): undefined {
    return undefined;
  }
}

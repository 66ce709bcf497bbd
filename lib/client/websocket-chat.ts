import { requireOption, SseError } from "../errors.js";
import type { AnswerMessage, RefusalMessage, ServerMessage } from "../websocket/messages.js";
import type { Message } from "./ai-stream-config.js";
import { Answer } from "./answer.js";
import { asked, Conversation, newMessage } from "./conversation.js";
import { newId } from "./new-id.js";
import type { Usage } from "./protocols/usage.js";
import { type Retry, retryDelay, retryOf } from "./retry.js";
import type {
  ClientWebSocket,
  WebSocketChatConfig,
  WebSocketChatEvents,
} from "./websocket-chat-config.js";

/** The answer that is under way. */
class Asked extends Answer {
  /** What starts it, as JSON; absent for one that was started before. */
  readonly ask: string | undefined;
  /** Whether the server may have been asked. */
  isSent = false;
  /** Of what the server has said of it last. */
  lastEventId: string | undefined;
  /** Whether the model has spoken, so that somebody pays. */
  isHeard = false;
  usage: Usage | undefined;

  constructor(id: string, ask: string | undefined) {
    super(id);
    this.ask = ask;
  }

  protected override details(): Partial<Message> {
    return { usage: this.usage } as Partial<Message>;
  }
}

/** The server will not change its mind (RFC 6455, 7.4.1); from 4000 on, that is the application's. */
const isFinal = (code: number) => [1003, 1007, 1008, 1009].includes(code) || code >= 4000;

const open = 1;

/**
 * A conversation over a WebSocket with `webSocketChat` of `stream-llm/websocket`: one answer at a time.
 *
 * An answer outlives its connections. Where one is lost the answer is resumed, and no prompt is sent
 * again once the model has spoken. It connects when there is something to ask.
 */
export class WebSocketChat extends Conversation<WebSocketChatEvents, Asked> {
  readonly #config: WebSocketChatConfig;
  readonly #retry: Retry;
  #socket: ClientWebSocket | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Answers that the server has still to be told to stop. */
  readonly #toCancel = new Set<string>();
  #failures = 0;
  /** When the server wants to be asked again, in ms. */
  #after = 0;

  /** @throws {SseError} `invalid-option`, also where there is no WebSocket */
  constructor(config: WebSocketChatConfig) {
    const { retry, WebSocket = globalThis.WebSocket } = config;
    const expected =
      "a class of WebSockets; where there is no global one, as in Node before 22, pass that of the package ws";
    requireOption(typeof WebSocket === "function", "WebSocket", WebSocket, expected);
    super(config.messages);
    this.#config = config;
    this.#retry = retryOf(retry, 5, 10_000);
  }

  /**
   * Asks the model, and resolves with its answer: `done`, or `stopped` if somebody has stopped it.
   *
   * @returns a promise that rejects with `SseError`: `busy` while an answer is under way,
   * `answer-failed`, `connection-error`, `incomplete`. What `body` throws, this throws, and so it does
   * where that returns what has no JSON
   */
  send(prompt: string): Promise<Message> {
    const refusal = this.refusal(prompt);
    if (refusal) return refusal;
    const message = newMessage({ role: "user", content: prompt });
    const messages = [...this.getMessages(), message];
    const id = newId();
    const parts = asked(messages);
    const body = this.#config.body?.(parts) ?? parts;
    const ask = JSON.stringify({ ...body, type: "chat", id });
    this.replace(messages);
    return this.#begin(id, ask, ["message", message]) as Promise<Message>;
  }

  /**
   * Takes up an answer that was begun before, such as that of a page before it was reloaded.
   *
   * @returns as {@link send}; it resolves with `undefined` where the server has no such answer
   */
  resume(id: string): Promise<Message | undefined> {
    return this.refusal(id) ?? this.#begin(id);
  }

  /** Ends the answer that is under way, if any, and has the server stop it. What has come stays. */
  cancel(): void {
    const { id, ask, isSent } = this.underway ?? {};
    if (!id) return;
    // One that is resumed was asked for before.
    if (isSent || !ask) this.#toCancel.add(id);
    this.end(this.underway, "stopped");
    this.#connect();
  }

  /** Closes the connection; what is under way goes on at the server, for {@link resume}. */
  close(): void {
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#timer = this.#socket = undefined;
    this.#toCancel.clear();
    this.end(this.underway, "stopped");
    socket?.close();
  }

  #begin(
    id: string,
    ask?: string,
    ...before: ["message", Message][]
  ): Promise<Message | undefined> {
    const current = new Asked(id, ask);
    this.underway = current;
    this.#failures = 0;
    // Of one that is taken up, the server has to tell first: there may be none.
    if (ask) this.open(...before);
    this.#connect();
    return current.promise;
  }

  /** Whether there is nothing to say. */
  get #isSilent(): boolean {
    return !this.underway && this.#toCancel.size === 0;
  }

  /** Sees to it that what there is to say is said, now or when there is a connection; if anything is. */
  #connect(): void {
    if (this.#isSilent) {
      clearTimeout(this.#timer);
      this.#timer = undefined;
      return;
    }
    if (this.#socket) {
      if (this.#socket.readyState === open) this.#speak();
      return;
    }
    if (!this.#timer) this.#open();
  }

  #open(): void {
    this.#timer = undefined;
    const { url, protocols, WebSocket = globalThis.WebSocket } = this.#config;
    let socket: ClientWebSocket;
    try {
      socket = new WebSocket(typeof url === "function" ? url() : url, protocols);
    } catch (cause) {
      this.end(
        this.underway,
        "failed",
        new SseError("connection-error", `no WebSocket: ${cause}`, { cause }),
      );
      return;
    }
    this.#socket = socket;
    const isOurs = () => this.#socket === socket;
    socket.onopen = () => isOurs() && this.#speak();
    socket.onmessage = ({ data }: { data: string }) => {
      if (!isOurs()) return;
      try {
        this.#take(JSON.parse(data));
      } catch (error) {
        // Not what this is for; RFC 6455 has a code for it.
        this.#lost(1007, String(error));
        socket.close();
      }
    };
    // Its close tells; without a listener, `ws` throws.
    socket.onerror = () => {};
    socket.onclose = ({ code, reason }: { code: number; reason: string }) =>
      isOurs() && this.#lost(code, reason);
  }

  #say(message: object): void {
    this.#write(JSON.stringify(message));
  }

  #write(text: string): void {
    this.#socket?.send(text);
  }

  #speak(): void {
    for (const id of this.#toCancel) this.#say({ type: "cancel", id });
    this.#toCancel.clear();
    const current = this.underway;
    if (!current) return;
    const { id, ask, lastEventId } = current;
    if (ask && !current.isSent) this.#write(ask);
    else this.#say({ type: "resume", id, lastEventId });
    current.isSent = true;
  }

  #lost(code: number, reason: string): void {
    this.#socket = undefined;
    if (this.#isSilent) return;
    const why = `the connection was lost (${code}${reason && `: ${reason}`}).`;
    const error = new SseError("connection-error", why);
    if (isFinal(code) || this.#failures >= this.#retry.maxRetries) {
      this.#toCancel.clear();
      this.end(this.underway, "failed", error);
      return;
    }
    const delay = retryDelay(this.#retry, this.#failures++, this.#after);
    this.#after = 0;
    this.#timer = setTimeout(() => this.#open(), delay);
    this.tell(["retry", { attempt: this.#failures, delay, error }]);
  }

  #take(message: ServerMessage): void {
    if (message.type === "event") this.tell(["event", message]);
    else if (message.type === "retry") this.#after = message.retry;
    else if (this.underway && message.id === this.underway.id) {
      if ("refused" in message) this.#refused(this.underway, message);
      else this.#told(this.underway, message as AnswerMessage);
    }
  }

  #refused(current: Asked, { code, message, refused }: RefusalMessage): void {
    const { id, ask, isHeard } = current;
    if (refused === "cancel") return;
    // Asked for by a connection that was lost, perhaps before the server had read it.
    if (refused === "chat" && code === "generation-exists") this.#say({ type: "resume", id });
    else if (refused === "chat" || code !== "not-found") this.#failed(message, { code, message });
    else if (!isHeard && ask && this.#failures++ <= this.#retry.maxRetries) this.#write(ask);
    else if (isHeard || ask) {
      const why = "the server cannot resume the answer.";
      this.end(this.underway, "failed", new SseError("incomplete", why));
    } else this.end(this.underway, undefined);
  }

  #told(current: Asked, message: AnswerMessage): void {
    const { text } = current;
    const { type } = message;
    this.open();
    // Who was told of it may have left it.
    if (current !== this.underway) return;
    this.#failures = 0;
    current.isHeard = true;
    current.lastEventId = message.eventId ?? current.lastEventId;
    if (type === "start") text.restart();
    else if (type === "text") this.#add(current, message.text);
    else if (type === "usage") {
      current.usage = message.usage as Usage;
      this.tell(["usage", current.usage]);
    } else if (type === "error") this.#failed(message.message, message);
    else if (type === "done" || type === "cancelled") {
      this.end(this.underway, type === "done" ? type : "stopped");
    }
  }

  #add(current: Asked, piece: string): void {
    try {
      this.add(current, "text", piece);
    } catch (error) {
      this.end(current, "failed", error as SseError);
    }
  }

  #failed(why: string, cause: object): void {
    this.end(
      this.underway,
      "failed",
      new SseError("answer-failed", `the answer failed: ${why}`, { cause }),
    );
  }
}

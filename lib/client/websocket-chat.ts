import { SseError } from "../errors.js";
import type { AnswerMessage, RefusalMessage, ServerMessage } from "../websocket/messages.js";
import type { Message } from "./ai-stream-config.js";
import { Emitter } from "./emitter.js";
import { newId } from "./new-id.js";
import type { Usage } from "./protocols/usage.js";
import { type Retry, retryDelay, retryOf } from "./retry.js";
import { TokenReader } from "./token-reader.js";
import { ToldText } from "./told-text.js";
import type {
  ClientWebSocket,
  WebSocketChatConfig,
  WebSocketChatEvents,
} from "./websocket-chat-config.js";

/** The answer that is under way. */
interface Current {
  readonly id: string;
  /** What starts it; absent for one that was started before. */
  readonly ask: object | undefined;
  readonly timestamp: number;
  readonly text: ToldText;
  /** Whether the server may have been asked. */
  isSent?: boolean;
  /** Of what the server has said of it last. */
  lastEventId?: string | undefined;
  /** Whether the model has spoken, so that somebody pays. */
  isHeard?: boolean;
  usage?: Usage;
  promise: Promise<Message | undefined>;
  resolve(message: Message | undefined): void;
  reject(error: SseError): void;
}

/** The server will not change its mind (RFC 6455, 7.4.1); from 4000 on, that is the application's. */
const isFinal = (code: number) => [1003, 1007, 1008, 1009].includes(code) || code >= 4000;

const open = 1;
/** The longest text of an answer, in characters. */
const maxChars = 2 ** 24;

/**
 * A conversation over a WebSocket with `webSocketChat` of `stream-llm/websocket`: one answer at a time.
 *
 * An answer outlives its connections. Where one is lost the answer is resumed, and no prompt is sent
 * again once the model has spoken. It connects when there is something to ask.
 */
export class WebSocketChat implements AsyncIterable<string> {
  readonly #config: WebSocketChatConfig;
  readonly #retry: Retry;
  readonly #events = new Emitter<WebSocketChatEvents>();
  readonly #readers = new Set<TokenReader>();
  #messages: readonly Message[];
  #socket: ClientWebSocket | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #current: Current | undefined;
  /** An answer that the server has still to be told to stop. */
  #toCancel: string | undefined;
  #failures = 0;
  /** When the server wants to be asked again, in ms. */
  #after = 0;

  /** @throws {SseError} `invalid-option` */
  constructor(config: WebSocketChatConfig) {
    const { retry, messages = [] } = config;
    this.#config = config;
    this.#retry = retryOf(retry === false ? retry : { maxDelay: 10_000, ...retry }, 5);
    this.#messages = messages.map((given) => ({ id: newId(), timestamp: Date.now(), ...given }));
  }

  /**
   * Asks the model, and resolves with its answer: `done`, or `stopped` if somebody has stopped it.
   *
   * @returns a promise that rejects with `SseError`: `busy` while an answer is under way,
   * `answer-failed`, `connection-error`, `incomplete`
   */
  send(prompt: string): Promise<Message> {
    if (this.#current) return Promise.reject(busy());
    const message: Message = { id: newId(), role: "user", content: prompt, timestamp: Date.now() };
    this.#messages = [...this.#messages, message];
    const said = this.#messages.filter(({ content }) => content);
    const messages = said.map(({ role, content }) => ({ role, content }));
    const id = newId();
    const asked = { prompt, messages };
    this.#events.emit("message", message);
    const body = this.#config.body?.(asked) ?? asked;
    return this.#begin(id, { ...body, type: "chat", id }) as Promise<Message>;
  }

  /**
   * Takes up an answer that was begun before, such as that of a page before it was reloaded.
   *
   * @returns as {@link send}; it resolves with `undefined` where the server has no such answer
   */
  resume(id: string): Promise<Message | undefined> {
    return this.#current ? Promise.reject(busy()) : this.#begin(id);
  }

  /** Ends the answer that is under way, if any, and has the server stop it. What has come stays. */
  cancel(): void {
    const { id, isSent } = this.#current ?? {};
    if (!id) return;
    if (isSent) this.#toCancel = id;
    this.#end("stopped");
    this.#connect();
  }

  /** Closes the connection; what is under way goes on at the server, for {@link resume}. */
  close(): void {
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#timer = this.#socket = this.#toCancel = undefined;
    this.#end("stopped");
    socket?.close();
  }

  /** The conversation, with the answer so far. */
  getMessages(): readonly Message[] {
    const current = this.#current;
    return current ? [...this.#messages, this.#message(current, "streaming")] : this.#messages;
  }

  getIsStreaming(): boolean {
    return !!this.#current;
  }

  /** Returns what takes the listener off again. What it throws is reported on the console. */
  on<Name extends keyof WebSocketChatEvents>(
    event: Name,
    listener: (...args: WebSocketChatEvents[Name]) => void,
  ): () => void {
    return this.#events.on(event, listener);
  }

  /**
   * The tokens of the answer that is under way, from its start, or else of the next one. It ends with
   * the answer, and throws why that failed. A slow reader gets tokens joined.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<string> {
    const reader = new TokenReader((gone) => this.#readers.delete(gone));
    const soFar = this.#current?.text.shown;
    if (soFar) reader.push(soFar);
    this.#readers.add(reader);
    return reader;
  }

  #begin(id: string, ask?: object): Promise<Message | undefined> {
    const text = new ToldText();
    const current = { id, ask, text, timestamp: Date.now() } as Current;
    current.promise = new Promise((resolve, reject) => Object.assign(current, { resolve, reject }));
    this.#current = current;
    this.#failures = 0;
    this.#events.emit("streaming-start", id);
    this.#connect();
    return current.promise;
  }

  /** Sees to it that what there is to say is said, now or when there is a connection. */
  #connect(): void {
    if (!this.#current && !this.#toCancel) return;
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
      this.#end("failed", new SseError("connection-error", `no WebSocket: ${cause}`, { cause }));
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
    this.#socket?.send(JSON.stringify(message));
  }

  #speak(): void {
    if (this.#toCancel) this.#say({ type: "cancel", id: this.#toCancel });
    this.#toCancel = undefined;
    const current = this.#current;
    if (!current) return;
    const { id, ask, lastEventId } = current;
    if (ask && !current.isSent) this.#say(ask);
    else this.#say({ type: "resume", id, lastEventId });
    current.isSent = true;
  }

  #lost(code: number, reason: string): void {
    this.#socket = undefined;
    if (!this.#current && !this.#toCancel) return;
    const why = `the connection was lost (${code}${reason && `: ${reason}`}).`;
    const error = new SseError("connection-error", why);
    if (isFinal(code) || this.#failures >= this.#retry.maxRetries) {
      this.#toCancel = undefined;
      this.#end("failed", error);
      return;
    }
    const delay = retryDelay(this.#retry, this.#failures++, this.#after);
    this.#after = 0;
    this.#timer = setTimeout(() => this.#open(), delay);
    this.#events.emit("retry", { attempt: this.#failures, delay, error });
  }

  #take(message: ServerMessage): void {
    if (message.type === "event") this.#events.emit("event", message);
    else if (message.type === "retry") this.#after = message.retry;
    else if (this.#current && message.id === this.#current.id) {
      if ("refused" in message) this.#refused(this.#current, message);
      else this.#told(this.#current, message as AnswerMessage);
    }
  }

  #refused(current: Current, { code, message, refused }: RefusalMessage): void {
    const { id, ask, isHeard } = current;
    if (refused === "cancel") return;
    // Asked for by a connection that was lost, perhaps before the server had read it.
    if (refused === "chat" && code === "generation-exists") this.#say({ type: "resume", id });
    else if (refused === "chat" || code !== "not-found") this.#failed(message, { code, message });
    else if (!isHeard && ask && this.#failures++ <= this.#retry.maxRetries) this.#say(ask);
    else if (isHeard || ask) {
      const why = "the answer broke off, and the server cannot resume it.";
      this.#end("failed", new SseError("incomplete", why));
    } else this.#end(undefined);
  }

  #told(current: Current, message: AnswerMessage): void {
    const { text } = current;
    const { type } = message;
    this.#failures = 0;
    current.isHeard = true;
    current.lastEventId = message.eventId ?? current.lastEventId;
    if (type === "start") text.restart();
    else if (type === "text") this.#add(text, message.text);
    else if (type === "usage") {
      current.usage = message.usage as Usage;
      this.#events.emit("usage", current.usage);
    } else if (type === "error") this.#failed(message.message, message);
    else if (type === "done" || type === "cancelled") {
      if (text.end()) this.#events.emit("restart");
      this.#end(type === "done" ? type : "stopped");
    }
  }

  #add(text: ToldText, piece: string): void {
    const more = text.add(piece);
    if (more === undefined) this.#events.emit("restart");
    else if (more) {
      for (const reader of this.#readers) reader.push(more);
      this.#events.emit("token", more);
    }
    if (text.shown.length <= maxChars) return;
    const why = `the answer has more than ${maxChars} characters.`;
    this.#end("failed", new SseError("too-large", why));
  }

  #failed(why: string, cause: object): void {
    this.#end("failed", new SseError("answer-failed", `the answer failed: ${why}`, { cause }));
  }

  /** @param status `undefined` where there is no answer */
  #end(status: Message["status"], error?: SseError): void {
    const current = this.#current;
    if (!current) return;
    this.#current = undefined;
    const message = status && this.#message(current, status, error);
    if (message) this.#messages = [...this.#messages, message];
    // Whoever has been told in another way need not look at the promise.
    if (this.#readers.size > 0 || this.#events.has("error")) current.promise.catch(() => {});
    for (const reader of this.#readers) reader.end(error);
    this.#readers.clear();
    this.#events.together(() => {
      if (message) this.#events.emit("message", message);
      if (error) this.#events.emit("error", error);
      if (message) this.#events.emit("streaming-end", message);
    });
    if (error) current.reject(error);
    else current.resolve(message);
  }

  #message({ id, text, timestamp, usage }: Current, status: Message["status"], error?: SseError) {
    const role = "assistant" as const;
    const known = { ...(usage && { usage }), ...(error && { error }) };
    return { id, role, content: text.shown, timestamp, status, ...known } as Message;
  }
}

function busy(): SseError {
  return new SseError("busy", "an answer is under way; wait for its end, or cancel() it first.");
}

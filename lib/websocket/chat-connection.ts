import { warn } from "../errors.js";
import type { Session } from "../session.js";
import { type Exchange, type PlainAnswer, refusal } from "../streaming/generations/exchange.js";
import type { Generations } from "../streaming/generations/generations.js";
import { AnswerConnection } from "./answer-connection.js";
import { ChunkFrames, NativeMessages } from "./answer-messages.js";
import type { WebSocketChatOptions, WebSocketChatRequest } from "./chat.js";
import { type ChatLimits, MessageRate } from "./chat-limits.js";
import { type Inbound, type InvalidMessage, readMessage } from "./inbound.js";
import { MessageSocket, type ServerWebSocket, type UpgradeRequest } from "./message-socket.js";
import type { WebSocketSession } from "./session.js";

export interface ChatContext<Req> {
  ws: ServerWebSocket;
  request: Req;
  session: WebSocketSession;
  /** Settles when the session has connected, or never will. */
  opening: Promise<unknown>;
  generations: Generations;
  exchange: Exchange<WebSocketChatRequest<Req>, Session>;
  limits: ChatLimits;
  /** Of the session and the answers. */
  options: WebSocketChatOptions<Req>["session"];
  onError: WebSocketChatOptions<Req>["onError"];
}

/** Of a message, what an error that is about it says. */
type About = InvalidMessage["about"];

/** A message that starts or watches an answer, or stops one. */
type Asking = Exclude<Inbound, { type: "abort" }>;

/** More than this that waits in the socket for a client that goes on asking is too much, in bytes. */
const maxUnread = 1024 * 1024;

/** With what a socket is closed whose answer does not go on here, though it may elsewhere. */
const serviceRestart = 1012;

function sizeOf(data: unknown): number {
  return (
    (data as Buffer).byteLength ?? (data as Buffer[]).reduce((sum, { length }) => sum + length, 0)
  );
}

function textOf(data: unknown): string {
  return Array.isArray(data)
    ? Buffer.concat(data).toString()
    : Buffer.from(data as Buffer).toString();
}

const ofRequest = "request ";

/** The watch that a message begins or stops: one for an answer, or for a request of the AI SDK. */
function keyOf(message: { id?: string; requestId?: unknown }): string {
  return message.requestId === undefined ? `answer ${message.id}` : ofRequest + message.requestId;
}

/** An answer on its way to the client. */
interface Watch {
  connection: AnswerConnection;
  /** Once it has connected. */
  session?: Session;
}

/** The messages of one client, and the answers that it watches. */
export class ChatConnection<Req extends UpgradeRequest> {
  readonly #context: ChatContext<Req>;
  readonly #socket: MessageSocket;
  readonly #rate: MessageRate;
  readonly #watches = new Map<string, Watch>();
  /** The watches that are being asked for. */
  readonly #asking = new Set<string>();
  /** Of requests of the AI SDK that are not done: which answer they are about. */
  readonly #requests = new Map<string, string>();
  /** By answer: settles when the messages about it that have come so far are handled. */
  readonly #tails = new Map<string, Promise<void>>();
  #waiting = 0;
  /** Whether the client is heard no more. */
  #isShut = false;

  constructor(context: ChatContext<Req>) {
    this.#context = context;
    this.#socket = MessageSocket.of(context.ws);
    this.#rate = new MessageRate(context.limits.messages);
    const { ws } = context;
    const onMessage = (data: unknown, isBinary: boolean) => this.#onMessage(data, isBinary);
    ws.on("message", onMessage);
    this.#socket.onClosed(() => ws.off("message", onMessage));
  }

  #onMessage(data: unknown, isBinary: boolean): void {
    if (this.#isShut) return;
    const { messages, messageBytes } = this.#context.limits;
    if (!this.#rate.take() || this.#waiting >= messages) {
      this.#shut(1008, "too-many-messages", `more than ${messages} messages in 10 seconds`);
    } else if (isBinary) {
      this.#shut(1003, "invalid-message", "a message must be text");
    } else if (sizeOf(data) > messageBytes) {
      this.#shut(1009, "too-large", `a message of more than ${messageBytes} bytes`);
    } else this.#read(textOf(data));
  }

  #read(text: string): void {
    let message: Inbound;
    try {
      message = readMessage(text);
    } catch (error) {
      const { message: what, about } = error as InvalidMessage;
      this.#refuse(about, "invalid-message", what);
      return;
    }
    if (message.type === "abort") {
      const id = this.#requests.get(message.requestId);
      // It may just have ended.
      if (id !== undefined) this.#queue(id, message, () => this.#abort(message, id));
      return;
    }
    if ("requestId" in message) {
      const requestId = message.requestId as string;
      if (this.#requests.has(requestId)) {
        this.#refuse(message, "invalid-message", "another request has this requestId");
        return;
      }
      this.#requests.set(requestId, message.id);
    }
    const asking = message;
    this.#queue(message.id, message, () => this.#ask(asking));
  }

  /** Messages about one answer are handled one after the other. */
  #queue(id: string, message: Inbound, handle: () => Promise<void>): void {
    this.#waiting++;
    const before = this.#tails.get(id) ?? this.#context.opening.catch(() => {});
    const done = before.then(async () => {
      if (this.#socket.isOpen) await handle().catch((error) => this.#failed(message, error));
      this.#waiting--;
      if (this.#tails.get(id) === done) this.#tails.delete(id);
    });
    this.#tails.set(id, done as Promise<void>);
  }

  async #ask(message: Asking): Promise<void> {
    const { exchange, limits } = this.#context;
    const asked = this.#asked(message);
    if (message.type === "cancel") {
      this.#cancelled(message, await exchange.stop(asked, message.id));
      return;
    }
    const key = keyOf(message);
    const others = new Set([...this.#watches.keys(), ...this.#asking]);
    others.delete(key);
    if (others.size >= limits.answers) {
      const what = `${limits.answers} answers are watched already, as many as may be`;
      this.#refuse(message, "too-many-answers", what);
      return;
    }
    const watch = (id: string) => this.#watch(message, id);
    this.#asking.add(key);
    try {
      const handled =
        message.type === "resume"
          ? await exchange.stream(asked, message.id, watch)
          : await exchange.post(asked, watch);
      if ("status" in handled) this.#answer(message, handled);
    } finally {
      this.#asking.delete(key);
    }
  }

  /** Lets the client watch. Its answer has the WebSocket's limits, and no keep-alive of its own. */
  async #watch(message: Asking, id: string): Promise<Session | undefined> {
    const { generations, request, options = {} } = this.#context;
    const { maxBufferedBytes, writeTimeout } = options;
    const key = keyOf(message);
    const before = this.#watches.get(key);
    // What was replaced has its end told first; what is resumed is not told twice.
    if (message.type === "chat") await before?.session?.close();
    else before?.connection.leave();
    const isResumed = message.type === "resume";
    const messages =
      message.requestId === undefined
        ? new NativeMessages(id)
        : new ChunkFrames(message.requestId as string, isResumed);
    const { lastEventId } = message as { lastEventId?: string };
    const connection = new AnswerConnection(this.#socket, request, messages, {
      lastEventId: isResumed ? lastEventId : undefined,
      onEnded: () => this.#unwatched(key, watch),
      onBroken: () => void this.#context.session.close(serviceRestart, "an answer broke off"),
    });
    const watch: Watch = { connection };
    this.#watches.set(key, watch);
    const { protocol } = messages;
    const limits = { maxBufferedBytes, writeTimeout, retry: null, keepAlive: null };
    try {
      const session = await generations.attach(id, connection, { ...limits, protocol });
      if (session) watch.session = session;
      else this.#unwatched(key, watch);
      return session;
    } catch (error) {
      this.#unwatched(key, watch);
      throw error;
    }
  }

  #unwatched(key: string, watch: Watch): void {
    if (this.#watches.get(key) !== watch) return;
    this.#watches.delete(key);
    if (key.startsWith(ofRequest)) this.#requests.delete(key.slice(ofRequest.length));
  }

  async #abort(message: Extract<Inbound, { type: "abort" }>, id: string): Promise<void> {
    const watch = this.#watches.get(keyOf(message));
    // It may have ended since, and the id stand for another answer.
    if (!watch) return;
    watch.connection.leave();
    await this.#context.exchange.stop(this.#asked(message), id);
  }

  /** Whoever watches the answer is told of its end by the answer. */
  #cancelled(message: Asking, { status, body }: PlainAnswer): void {
    if (status !== 200) this.#answer(message, { status, body: body as object });
    else if (!(body as { stopped: boolean }).stopped) this.#answer(message, { status: 204 });
    else if (!this.#watches.has(keyOf(message))) {
      this.#send({ type: "cancelled", id: message.id });
    }
  }

  /** Tells of what came of a message, if it is no stream. */
  #answer(message: Asking, { status, body }: PlainAnswer): void {
    if (status !== 204) {
      const { code, message: what } = (body as { error: { code: string; message: string } }).error;
      this.#refuse(message, code, what);
    } else if (message.requestId === undefined) {
      this.#refuse(message, "not-found", "there is no such answer");
    } else {
      this.#requests.delete(message.requestId as string);
      this.#send({ type: "no-active", requestId: message.requestId });
    }
  }

  #failed(message: Inbound, error: unknown): void {
    const refused = refusal(error);
    if (refused) {
      this.#answer(message as Asking, refused);
      return;
    }
    this.#refuse(message, "internal", "the request failed");
    const { onError } = this.#context;
    try {
      if (onError) onError(error, this.#asked(message));
      else warn(`a ${message.type} message failed`, error);
    } catch (failure) {
      warn("onError threw", failure);
    }
  }

  #asked(message: Inbound): WebSocketChatRequest<Req> {
    const { request, session } = this.#context;
    return { message, request, session };
  }

  #refuse(about: About | Inbound, code: string, message: string): void {
    const { type: refused, id, requestId } = about as About;
    if (requestId === undefined) {
      this.#send({ type: "error", id, code, message, refused });
      return;
    }
    // Another one may have the same id, and be watched.
    if (!this.#watches.has(keyOf(about as About))) this.#requests.delete(requestId);
    this.#send({ type: "error", requestId, errorText: message });
  }

  #shut(closeCode: number, code: string, message: string): void {
    this.#isShut = true;
    this.#send({ type: "error", code, message });
    this.#socket.close(closeCode, message);
  }

  /** Past the session: as few bytes as there are messages, and those are limited. */
  #send(message: object): void {
    if (this.#socket.buffered > maxUnread) this.#socket.terminate();
    else this.#socket.send([JSON.stringify(message)]);
  }
}

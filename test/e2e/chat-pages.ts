import {
  AbstractChat,
  type ChatState,
  type ChatStatus,
  DefaultChatTransport,
  readUIMessageStream,
  type UIMessage,
  type UIMessageChunk,
} from "ai";
import { onTestFinished } from "vitest";
import { within } from "./harness.ts";

/** A page with `useChat`: its transport, and what it makes of the stream. */
export class Page {
  readonly #transport: DefaultChatTransport<UIMessage>;
  readonly #gone = new AbortController();
  message: UIMessage | undefined;
  read: Promise<void> = Promise.resolve();

  constructor(api: string) {
    this.#transport = new DefaultChatTransport({
      api,
      // The page's connection ends with the page.
      fetch: (input, init) => fetch(input, { ...init, signal: this.#gone.signal }),
    });
    onTestFinished(() => this.#gone.abort());
  }

  async send(chatId: string, body: object = {}): Promise<void> {
    const user: UIMessage = { id: "u1", role: "user", parts: [{ type: "text", text: "Hi" }] };
    this.#take(
      await this.#transport.sendMessages({
        trigger: "submit-message",
        chatId,
        messageId: undefined,
        messages: [user],
        abortSignal: undefined,
        body,
      }),
    );
  }

  /** Returns whether there was something to resume. */
  async resume(chatId: string): Promise<boolean> {
    const stream = await this.#transport.reconnectToStream({ chatId });
    if (stream) this.#take(stream);
    return stream !== null;
  }

  close(): void {
    this.#gone.abort();
  }

  get text(): string {
    const parts = this.message?.parts ?? [];
    return parts.map((part) => (part.type === "text" ? part.text : "")).join("");
  }

  async says(text: string): Promise<void> {
    const said = async () => {
      while (this.text !== text) await new Promise((resolve) => setTimeout(resolve, 1));
    };
    await within(said(), `"${text}" on the page`);
  }

  #take(stream: ReadableStream<UIMessageChunk>): void {
    const messages = readUIMessageStream({ stream, onError: () => {} });
    this.read = (async () => {
      for await (const message of messages) this.message = message;
    })().catch(() => {});
  }
}

/** What `useChat` keeps in React's state. */
class Messages implements ChatState<UIMessage> {
  status: ChatStatus = "ready";
  error: Error | undefined;
  messages: UIMessage[];

  constructor(messages: UIMessage[]) {
    this.messages = messages;
  }

  pushMessage = (message: UIMessage) => void this.messages.push(message);
  popMessage = () => void this.messages.pop();
  replaceMessage = (at: number, message: UIMessage) => {
    this.messages[at] = this.snapshot(message);
  };
  snapshot = <T>(value: T): T => structuredClone(value);
}

/** The chat behind `useChat`, on a page that has loaded these messages. */
export class Chat extends AbstractChat<UIMessage> {
  constructor(api: string, messages: UIMessage[]) {
    const state = new Messages(structuredClone(messages));
    super({ id: "c", state, transport: new DefaultChatTransport({ api }) });
  }
}

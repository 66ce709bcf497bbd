import { AIStream, noUsage } from "../client/ai-stream.js";
import type { AIStreamConfig, GivenMessage, Message } from "../client/ai-stream-config.js";
import type { Usage } from "../client/protocols/usage.js";
import { SseError } from "../errors.js";
import { Store } from "./store.js";

export interface StreamingChatConfig extends AIStreamConfig {
  /**
   * The answer to take up when the component is mounted, such as after a reload: `true` for that under
   * `id`, or the id of another. Where the server has none, nothing happens.
   *
   * Defaults to `false`.
   */
  resume?: boolean | string | undefined;
}

export interface StreamingChatState {
  /** The text of the answer that is under way, or else of the last one; `""` before the first. */
  readonly content: string;
  readonly isStreaming: boolean;
  /** Why the last answer failed, until the next one. */
  readonly error: SseError | undefined;
  /** The conversation, with the answer so far. A message that has not changed is the same object. */
  readonly messages: readonly Message[];
  /** Of the last answer whose usage is known; zeros before. */
  readonly usage: Usage;
}

/** What a component can do; the same functions from render to render. */
export interface StreamingChatActions {
  /** As `AIStream.send`. The promise may be ignored: `error` says why an answer failed. */
  send(prompt: string): Promise<Message>;
  /** As `AIStream.retry`. The promise may be ignored. */
  retry(): Promise<Message>;
  /** As `AIStream.resume`. The promise may be ignored. */
  resume(id: string): Promise<Message | undefined>;
  /** Ends the answer that is under way, and has the server stop it. What has come stays. */
  cancel(): Promise<void>;
  /** Cancels, and forgets all messages. */
  reset(): void;
}

type Listener = (...args: unknown[]) => void;

/** What changes the state. A message comes with the start or the end of an answer. */
const changes = [
  "streaming-start",
  "token",
  "reasoning",
  "usage",
  "restart",
  "streaming-end",
  "error",
  "reset",
] as const;

/** Messages that are the same on the server and in the browser. */
function given(messages: readonly GivenMessage[] = []): readonly Message[] {
  return messages.map((message, index) =>
    Object.freeze({ id: `${index}`, timestamp: 0, ...message }),
  );
}

/** A config that is that of the last render whenever it is looked at, but for what makes the conversation. */
function following(
  config: () => StreamingChatConfig,
  messages: readonly Message[],
): AIStreamConfig {
  const { endpoint, id } = config();
  const kept: AIStreamConfig = { messages, endpoint, ...(typeof id === "string" && { id }) };
  return new Proxy(kept, {
    get(_, name: keyof AIStreamConfig) {
      // Listeners are taken once.
      if (name.startsWith("on")) {
        return (...args: unknown[]) => (config()[name] as Listener | undefined)?.(...args);
      }
      return (name in kept ? kept : config())[name];
    },
  });
}

/** An `AIStream` that is made when it is needed first, never on the server. */
export class ChatStore extends Store<StreamingChatState> {
  readonly #config: () => StreamingChatConfig;
  readonly #given: readonly Message[];
  #made: AIStream | undefined;
  #error: SseError | undefined;
  /** Whether an answer has begun: the last message may be it. */
  #hasBegun = false;
  /** The answer to take up when the component is mounted. */
  #resumed: string | boolean | undefined;
  /** Resolves once the server has said whether there is an answer to take up. */
  #lookup: Promise<void> | undefined;
  #found: ((value?: unknown) => void) | undefined;
  #isUnmounted = false;

  constructor(messages: readonly GivenMessage[] | undefined, config: () => StreamingChatConfig) {
    super();
    this.#given = given(messages);
    this.#config = config;
  }

  readonly actions: StreamingChatActions = {
    send: (prompt) => this.#ask((stream) => stream.send(prompt)),
    retry: () => this.#ask((stream) => stream.retry()),
    resume: (id) => this.#ask((stream) => stream.resume(id)),
    cancel: () => this.#stream.stop(),
    reset: () => {
      this.#error = undefined;
      this.#stream.reset();
    },
  };

  protected read(): StreamingChatState {
    const stream = this.#made;
    const messages = stream?.getMessages() ?? this.#given;
    const last = this.#hasBegun ? messages.at(-1) : undefined;
    return {
      content: last?.role === "assistant" ? last.content : "",
      isStreaming: stream?.getIsStreaming() ?? false,
      error: this.#error,
      messages,
      usage: stream?.getUsage() ?? noUsage,
    };
  }

  protected open(): void {
    // An option that is wrong shall be told when the component is mounted.
    this.#made ??= this.#make();
    if (!this.#isUnmounted) {
      const { resume, id } = this.#config();
      this.#resumed = resume === true && typeof id === "string" ? id : resume;
    }
    this.#isUnmounted = false;
    const resumed = this.#resumed;
    if (typeof resumed !== "string") return;
    this.#lookup = new Promise<unknown>((resolve) => {
      this.#found = resolve;
      this.actions.resume(resumed).then(resolve, resolve);
    }).then(() => {
      this.#lookup = undefined;
    });
  }

  protected close(): void {
    const stream = this.#stream;
    const running = stream.getIsStreaming() ? stream.getMessages().at(-1)?.id : undefined;
    this.#resumed = running ?? (this.#lookup && this.#resumed);
    this.#isUnmounted = true;
    stream.detach();
  }

  get #stream(): AIStream {
    this.#made ??= this.#make();
    return this.#made;
  }

  #make(): AIStream {
    const stream = new AIStream(following(this.#config, this.#given));
    stream.on("streaming-start", () => {
      this.#found?.();
      this.#hasBegun = true;
      this.#error = undefined;
    });
    stream.on("error", (error) => {
      this.#error = error;
    });
    for (const event of changes) stream.on(event, this.changed);
    return stream;
  }

  #ask<Answer>(ask: (stream: AIStream) => Promise<Answer>): Promise<Answer> {
    const answer = this.#lookup ? this.#lookup.then(() => this.#asked(ask)) : this.#asked(ask);
    // It is no unhandled rejection where a component looks at `error` only.
    answer.catch(() => {});
    return answer;
  }

  async #asked<Answer>(ask: (stream: AIStream) => Promise<Answer>): Promise<Answer> {
    if (!this.#isUnmounted) return ask(this.#stream);
    throw new SseError("aborted", "the component was unmounted; nothing was sent.");
  }
}

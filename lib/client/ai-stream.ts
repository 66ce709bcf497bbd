import { describe, requireOption, SseError } from "../errors.js";
import { type Cost, checkPrices, costOf } from "../streaming/accounting/cost.js";
import type {
  AIStreamConfig,
  AIStreamEvents,
  AIStreamRequest,
  Message,
} from "./ai-stream-config.js";
import { Emitter } from "./emitter.js";
import { Exchange } from "./exchange.js";
import { newId } from "./new-id.js";
import type { Usage } from "./protocols/usage.js";
import { type Retry, retryOf } from "./retry.js";
import { TokenReader } from "./token-reader.js";
import { Turn, type TurnObserver, type TurnOptions } from "./turn.js";

const noUsage: Usage = Object.freeze({ promptTokens: 0, completionTokens: 0, totalTokens: 0 });

/** An answer that is under way, and what is known from its start. */
interface Current {
  turn: Turn;
  timestamp: number;
  /** Whether listeners have been told of it. */
  isStreaming: boolean;
  promise: Promise<Message | undefined>;
  resolve(message: Message | undefined): void;
  reject(error: SseError): void;
}

/** What an answer is asked for with. */
type Asked = Pick<TurnOptions, "id" | "newId" | "body">;

/**
 * A conversation with a model behind an HTTP endpoint: one answer at a time, token by token.
 *
 * An answer outlives its connections. Where one is lost the answer is resumed, and nobody pays twice:
 * a prompt is not posted again once the model has spoken.
 */
export class AIStream implements AsyncIterable<string> {
  readonly #config: AIStreamConfig;
  readonly #retry: Retry;
  readonly #exchange: Exchange;
  readonly #events = new Emitter<AIStreamEvents>();
  readonly #readers = new Set<TokenReader>();
  #messages: readonly Message[];
  #current: Current | undefined;
  #usage = noUsage;
  /** What `getMessages` returns, until it changes. */
  #snapshot: readonly Message[] | undefined;

  /** @throws {SseError} `invalid-option` */
  constructor(config: AIStreamConfig) {
    const { endpoint, prices, retry, idleTimeout } = config;
    const isEndpoint = typeof endpoint === "string" && endpoint !== "";
    requireOption(isEndpoint, "endpoint", endpoint, "a URL");
    const isTime = idleTimeout === undefined || idleTimeout === null || idleTimeout > 0;
    requireOption(isTime, "idleTimeout", idleTimeout, "more than 0 ms, or null");
    if (prices !== undefined) checkPrices(prices);
    this.#config = config;
    this.#retry = retryOf(retry === false ? retry : { maxDelay: 10_000, ...retry }, 3);
    this.#exchange = new Exchange(config);
    this.#messages = (config.messages ?? []).map((message) =>
      Object.freeze({ id: newId(), timestamp: Date.now(), ...message }),
    );
    if (config.onToken) this.on("token", config.onToken);
    if (config.onCost) this.on("cost", config.onCost);
    if (config.onError) this.on("error", config.onError);
  }

  /**
   * Asks the model, and resolves with its answer: `done`, or `stopped` if somebody has stopped it.
   *
   * @returns a promise that rejects with `SseError`: `busy` while an answer is under way, and then
   * nothing is sent; else why the answer failed, whose message stays in the conversation as `failed`
   */
  send(prompt: string): Promise<Message> {
    const error = this.#busy() ?? notText("prompt", prompt);
    if (error) return Promise.reject(error);
    const message = { id: newId(), role: "user", content: prompt, timestamp: Date.now() } as const;
    this.#change([...this.#messages, Object.freeze(message)]);
    return this.#ask(message);
  }

  /**
   * Asks the last prompt once more; the answers after it are dropped.
   *
   * @returns as {@link send}; it rejects with `invalid-argument` where there is no prompt
   */
  retry(): Promise<Message> {
    const asked = this.#messages.map(({ role }) => role).lastIndexOf("user");
    const error =
      this.#busy() ?? (asked < 0 && new SseError("invalid-argument", "nothing was asked yet."));
    if (error) return Promise.reject(error);
    this.#change(this.#messages.slice(0, asked + 1));
    return this.#ask();
  }

  /**
   * Takes up an answer that was begun before, such as that of a page before it was reloaded. A message
   * of this id at the end of the conversation is the answer so far.
   *
   * @returns as {@link send}; it resolves with `undefined` where the server has no such answer
   */
  resume(id: string): Promise<Message | undefined> {
    const error = this.#busy() ?? notText("id", id);
    if (error) return Promise.reject(error);
    return this.#answer({ id, newId: undefined, body: undefined }).promise;
  }

  /**
   * Ends the answer that is under way, if any, and has the server stop its generation. What has come
   * stays, as `stopped`. Resolves when the server has answered; never rejects.
   */
  async stop(): Promise<void> {
    await this.#leave()?.stop();
  }

  /** Takes no more of the answer that is under way; the server goes on with it, for {@link resume}. */
  detach(): void {
    this.#leave()?.leave();
  }

  /** Stops what is under way, and forgets all messages and the usage. */
  reset(): void {
    void this.stop();
    this.#usage = noUsage;
    this.#change([]);
    this.#events.emit("reset");
  }

  /** The conversation, with the answer so far: the same array until something changes. */
  getMessages(): readonly Message[] {
    const current = this.#current;
    this.#snapshot ??= Object.freeze([
      ...this.#messages,
      ...(current?.isStreaming ? [this.#message(current, "streaming")] : []),
    ]);
    return this.#snapshot;
  }

  getIsStreaming(): boolean {
    return this.#current?.isStreaming === true;
  }

  /** Of the last answer whose usage is known; zeros before. */
  getUsage(): Usage {
    return this.#usage;
  }

  /** Returns what takes the listener off again. What it throws is reported on the console. */
  on<Name extends keyof AIStreamEvents>(
    event: Name,
    listener: (...args: AIStreamEvents[Name]) => void,
  ): () => void {
    return this.#events.on(event, listener);
  }

  /**
   * The tokens of the answer that is under way, from its start, or else of the next one. It ends with
   * the answer, and throws why that failed. A slow reader gets tokens joined.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<string> {
    const reader = new TokenReader((gone) => this.#readers.delete(gone));
    const soFar = this.#current?.turn.answer.text.shown;
    if (soFar) reader.push(soFar);
    this.#readers.add(reader);
    return reader;
  }

  #busy(): SseError | undefined {
    if (!this.#current) return undefined;
    return new SseError("busy", "an answer is under way; wait for its end, or stop() it first.");
  }

  #change(messages: readonly Message[]): void {
    this.#messages = messages;
    this.#snapshot = undefined;
  }

  /** @param message to tell of, if it is new */
  #ask(message?: Message): Promise<Message> {
    const { id, model, systemPrompt, body } = this.#config;
    const next = id === undefined ? newId : typeof id === "function" ? id : undefined;
    const said = this.#messages.filter(({ content }) => content !== "");
    const messages = said.map(({ role, content }) => ({ role, content }));
    const prompt = messages.at(-1)?.content ?? "";
    const current = this.#answer({
      id: next ? next() : (id as string),
      newId: next,
      body: (id) => {
        const request: AIStreamRequest = { id, prompt, messages, model, systemPrompt };
        return JSON.stringify(body ? body(request) : request);
      },
    });
    this.#events.together(() => {
      if (message) this.#events.emit("message", message);
      this.#open(current);
    });
    return current.promise as Promise<Message>;
  }

  #answer(asked: Asked): Current {
    const { idleTimeout = 120_000 } = this.#config;
    const limit = idleTimeout ?? Number.POSITIVE_INFINITY;
    const options = { ...asked, protocol: undefined, retry: this.#retry, idleTimeout: limit };
    const turn = new Turn(this.#exchange, options, this.#observer());
    const current = { turn, timestamp: Date.now(), isStreaming: false } as Current;
    current.promise = new Promise((resolve, reject) => Object.assign(current, { resolve, reject }));
    this.#current = current;
    // Not before the listeners know of it, who may stop it.
    Promise.resolve()
      .then(() => turn.run())
      .then(
        () => this.#end(current, turn.answer.read.aborted ? "stopped" : "done"),
        (error) => this.#end(current, "failed", error),
      );
    return current;
  }

  #observer(): TurnObserver {
    const changed = () => {
      this.#snapshot = undefined;
    };
    return {
      onOpen: () => {
        if (this.#current) this.#open(this.#current);
      },
      onToken: (token) => {
        changed();
        for (const reader of this.#readers) reader.push(token);
        this.#events.emit("token", token);
      },
      onReasoning: (text) => {
        changed();
        this.#events.emit("reasoning", text);
      },
      onUsage: (usage) => {
        changed();
        this.#usage = usage;
        this.#events.emit("usage", usage);
      },
      onRestart: () => {
        changed();
        this.#endReaders(new SseError("incomplete", "the answer began anew, as another one."));
        this.#events.emit("restart");
      },
      onRetry: (notice) => this.#events.emit("retry", notice),
    };
  }

  #open(current: Current): void {
    if (current.isStreaming) return;
    const { turn } = current;
    current.isStreaming = true;
    const last = this.#messages.at(-1);
    if (last?.id === turn.id && last.role === "assistant") {
      turn.answer.text.shown = last.content;
      turn.answer.reasoning.shown = last.reasoning ?? "";
      this.#messages = this.#messages.slice(0, -1);
    }
    this.#snapshot = undefined;
    this.#events.emit("streaming-start", turn.id);
  }

  #leave(): Turn | undefined {
    const current = this.#current;
    if (current) this.#end(current, "stopped");
    return current?.turn;
  }

  #end(current: Current, status: "done" | "stopped" | "failed", error?: SseError): void {
    if (this.#current !== current) return;
    const message = current.isStreaming ? this.#message(current, status, error) : undefined;
    this.#current = undefined;
    current.turn.isOver = true;
    if (message) this.#change([...this.#messages, message]);
    // Whoever has been told in another way need not look at the promise.
    const isTold = this.#events.has("error") || this.#readers.size > 0;
    if (isTold) current.promise.catch(() => {});
    this.#endReaders(error);
    this.#events.together(() => {
      if (message) this.#events.emit("message", message);
      if (message?.cost && message.usage) this.#events.emit("cost", message.cost, message.usage);
      if (error) this.#events.emit("error", error);
      if (message) this.#events.emit("streaming-end", message);
    });
    if (error) current.reject(error);
    else current.resolve(message);
  }

  #endReaders(error?: SseError): void {
    for (const reader of this.#readers) reader.end(error);
    this.#readers.clear();
  }

  #message({ turn, timestamp }: Current, status: Message["status"], error?: SseError): Message {
    const { text, reasoning, read } = turn.answer;
    const { usage, finishReason } = read;
    const cost = status === "streaming" ? undefined : this.#cost(read.model, usage);
    return Object.freeze({
      ...{ id: turn.id, role: "assistant" as const, content: text.shown, timestamp, status },
      ...(reasoning.shown && { reasoning: reasoning.shown }),
      ...(finishReason && { finishReason }),
      ...(usage && { usage }),
      ...(cost && { cost }),
      ...(error && { error }),
    }) as Message;
  }

  #cost(named: string | undefined, usage: Usage | undefined): Cost | undefined {
    const { prices, model } = this.#config;
    if (!prices || !usage) return undefined;
    const { promptTokens, completionTokens, totalTokens } = usage;
    const { cachedPromptTokens, cacheWriteTokens } = usage;
    return costOf(prices, [named, model], {
      ...{ inputTokens: promptTokens, outputTokens: completionTokens, totalTokens },
      ...(cachedPromptTokens !== undefined && { cachedInputTokens: cachedPromptTokens }),
      ...(cacheWriteTokens !== undefined && { cacheWriteTokens }),
    });
  }
}

function notText(name: string, value: unknown): SseError | undefined {
  if (typeof value === "string" && value !== "") return undefined;
  return new SseError("invalid-argument", `${name} is ${describe(value)}; it must be text.`);
}

import { requireOption, SseError } from "../errors.js";
import { type Cost, costOf } from "../streaming/accounting/cost.js";
import type { AIStreamConfig, AIStreamEvents, Message } from "./ai-stream-config.js";
import { Conversation, newMessage } from "./conversation.js";
import { newId } from "./new-id.js";
import type { Said } from "./protocols/said.js";
import type { Usage } from "./protocols/usage.js";
import { type Retry, retryOf } from "./retry.js";
import { Turn, type TurnOptions } from "./turn.js";

const noUsage: Usage = Object.freeze({ promptTokens: 0, completionTokens: 0, totalTokens: 0 });

/**
 * A conversation with a model behind an HTTP endpoint: one answer at a time, token by token.
 *
 * An answer outlives its connections. Where one is lost the answer is resumed, and nobody pays twice:
 * a prompt is not posted again once the model has spoken.
 */
export class AIStream extends Conversation<AIStreamEvents> {
  readonly #config: AIStreamConfig;
  readonly #retry: Retry;
  #turn: Turn | undefined;
  #usage = noUsage;

  /** @throws {SseError} `invalid-option` */
  constructor(config: AIStreamConfig) {
    super(config.messages);
    const { endpoint, heartbeatTimeout = 0, retry } = config;
    const isUrl = typeof endpoint === "string" && endpoint !== "";
    requireOption(isUrl, "endpoint", endpoint, "a URL");
    const isTime = heartbeatTimeout >= 0;
    requireOption(isTime, "heartbeatTimeout", heartbeatTimeout, "a number, 0 or more");
    this.#config = config;
    this.#retry = retryOf(retry === false ? retry : { maxDelay: 10_000, ...retry }, 3);
    const { onToken, onCost, onError } = config;
    if (onToken) this.on("token", onToken);
    if (onCost) this.on("cost", onCost);
    if (onError) this.on("error", onError);
  }

  /**
   * Asks the model, and resolves with its answer: `done`, or `stopped` if somebody has stopped it.
   *
   * @returns a promise that rejects with `SseError`: `busy` while an answer is under way, and then
   * nothing is sent; else why the answer failed, whose message stays in the conversation as `failed`
   */
  send(prompt: string): Promise<Message> {
    const error = this.refusal(prompt);
    if (error) return Promise.reject(error);
    const message = newMessage({ role: "user", content: prompt });
    this.replace([...this.getMessages(), message]);
    return this.#ask(["message", message]);
  }

  /**
   * Asks the last prompt once more; the answers after it are dropped.
   *
   * @returns as {@link send}; it rejects with `invalid-argument` where there is no prompt
   */
  retry(): Promise<Message> {
    const messages = this.getMessages();
    const asked = messages.map(({ role }) => role).lastIndexOf("user");
    const error = this.refusal(asked < 0 ? "" : "asked");
    if (error) return Promise.reject(error);
    this.replace(messages.slice(0, asked + 1));
    return this.#ask();
  }

  /**
   * Takes up an answer that was begun before, such as that of a page before it was reloaded. A message
   * of this id at the end of the conversation is the answer so far.
   *
   * @returns as {@link send}; it resolves with `undefined` where the server has no such answer
   */
  resume(id: string): Promise<Message | undefined> {
    const error = this.refusal(id);
    return error ? Promise.reject(error) : this.#answer({ id, newId: undefined, body: undefined });
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
    this.replace([]);
    this.tell(["reset"]);
  }

  /** Of the last answer whose usage is known; zeros before. */
  getUsage(): Usage {
    return this.#usage;
  }

  #ask(...before: ["message", Message][]): Promise<Message> {
    const { id, model, systemPrompt, body } = this.#config;
    const next = typeof id === "function" ? id : id === undefined ? newId : undefined;
    const asked = this.asked();
    const answer = this.#answer({
      id: next ? next() : (id as string),
      newId: next,
      body(id) {
        const request = { id, ...asked, model, systemPrompt };
        return JSON.stringify(body ? body(request) : request);
      },
    });
    this.open(...before);
    return answer as Promise<Message>;
  }

  #answer(asked: Pick<TurnOptions, "id" | "newId" | "body">): Promise<Message | undefined> {
    const isCurrent = () => this.#turn === turn;
    const turn: Turn = new Turn(this.#config, this.#retry, {
      ...asked,
      onOpen: () => this.open(),
      onSaid: (said) => this.#take(turn, said),
      onRestart: () => this.restart(turn.text),
      onRetry: (notice) => this.tell(["retry", notice]),
    });
    const { promise } = this.begin(() => this.#fields(turn));
    this.#turn = turn;
    // Not before the listeners know of it, who may stop it.
    Promise.resolve()
      .then(() => turn.run())
      .then(
        () => isCurrent() && this.end(turn.answer.aborted ? "stopped" : "done"),
        (error) => isCurrent() && this.end("failed", asSseError(error)),
      );
    return promise;
  }

  #take(turn: Turn, { text, reasoning, usage }: Said): void {
    const told = turn.answer.usage;
    if (usage && told) {
      this.#usage = told;
      this.tell(["usage", told]);
    }
    if (!turn.isOver) this.add(turn.reasoning, reasoning, "reasoning");
    if (!turn.isOver) this.add(turn.text, text, "token");
  }

  #leave(): Turn | undefined {
    const turn = this.#turn;
    if (turn) turn.isOver = true;
    this.end("stopped");
    return turn;
  }

  protected override end(status: Message["status"], error?: SseError): void {
    this.#turn = undefined;
    super.end(status, error);
  }

  #fields({ id, text, reasoning, answer }: Turn): Partial<Message> {
    const { finishReason, usage, model } = answer;
    return {
      id,
      content: text.shown,
      reasoning: reasoning.shown || undefined,
      finishReason,
      usage,
      cost: this.#cost(model, usage),
    };
  }

  #cost(named: unknown, usage: Usage | undefined): Cost | undefined {
    const { prices, model } = this.#config;
    if (!prices || !usage) return undefined;
    const { promptTokens: inputTokens, completionTokens: outputTokens } = usage;
    return costOf(prices, [named as string, model], { ...usage, inputTokens, outputTokens });
  }
}

/** What the application's `body` throws is an error like others. */
function asSseError(cause: unknown): SseError {
  if (cause instanceof SseError) return cause;
  return new SseError("invalid-argument", `no request could be made: ${cause}`, { cause });
}

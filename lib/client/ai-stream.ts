import { invalidOption } from "../errors.js";
import type { AIStreamConfig, AIStreamEvents, Message } from "./ai-stream-config.js";
import { asked, Conversation, newMessage } from "./conversation.js";
import { newId } from "./new-id.js";
import { atLeast } from "./options.js";
import { type Usage, usageOf } from "./protocols/usage.js";
import { type Retry, retryOf } from "./retry.js";
import { Turn, type TurnRequest } from "./turn.js";

/** Before any is known. */
export const noUsage = usageOf({});

/**
 * A conversation with a model behind an HTTP endpoint: one answer at a time, token by token.
 *
 * An answer outlives its connections. Where one is lost the answer is resumed, and nobody pays twice:
 * a prompt is not posted again once the model has spoken.
 */
export class AIStream extends Conversation<AIStreamEvents, Turn> {
  readonly #config: AIStreamConfig;
  readonly #retry: Retry;

  /** @throws {SseError} `invalid-option` */
  constructor(config: AIStreamConfig) {
    super(config.messages);
    const { endpoint, heartbeatTimeout = 0, onToken, onCost, onError } = config;
    const isUrl = typeof endpoint === "string" && endpoint !== "";
    if (!isUrl) throw invalidOption("endpoint", endpoint, "a URL");
    atLeast(0, { heartbeatTimeout });
    this.#config = config;
    this.#retry = retryOf(config.retry, 3, 10_000);
    if (onToken) this.on("token", onToken);
    if (onCost) this.on("cost", onCost);
    if (onError) this.on("error", onError);
  }

  /**
   * Asks the model, and resolves with its answer: `done`, or `stopped` if somebody has stopped it.
   *
   * @returns a promise that rejects with `SseError`: `busy` while an answer is under way, and then
   * nothing is sent; else why the answer failed, whose message stays in the conversation as `failed`,
   * so that the promise may be ignored. What `body` throws, this throws
   */
  send(prompt: string): Promise<Message> {
    const message = newMessage({ role: "user", content: prompt });
    return (
      this.refusal(prompt) ?? this.#ask([...this.getMessages(), message], ["message", message])
    );
  }

  /**
   * Asks the last prompt once more; the answers after it are dropped.
   *
   * @returns as {@link send}; it rejects with `invalid-argument` where there is no prompt
   */
  retry(): Promise<Message> {
    const messages = this.getMessages();
    const last = messages.findLastIndex(({ role }) => role === "user");
    const prompt = messages[last]?.content;
    return this.refusal(prompt) ?? this.#ask(messages.slice(0, last + 1));
  }

  /**
   * Takes up an answer that was begun before, such as that of a page before it was reloaded. A message
   * of this id at the end of the conversation is the answer so far.
   *
   * @returns as {@link send}; it resolves with `undefined` where the server has no such answer
   */
  resume(id: string): Promise<Message | undefined> {
    return this.refusal(id) ?? this.#answer({ id });
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

  /** Stops what is under way, and forgets all messages. */
  reset(): void {
    void this.stop();
    this.replace([]);
    this.tell(["reset"]);
  }

  /** Of the last answer in the conversation whose usage is known; zeros before. */
  getUsage(): Usage {
    return this.getMessages().findLast(({ usage }) => usage)?.usage ?? noUsage;
  }

  #ask(messages: readonly Message[], ...before: ["message", Message][]): Promise<Message> {
    const { id = newId, model, systemPrompt, body } = this.#config;
    const isNew = typeof id === "function";
    const request = { id: isNew ? id() : id, ...asked(messages), model, systemPrompt };
    const json = JSON.stringify(body ? body(request) : request);
    this.replace(messages);
    const answer = this.#answer({ id: request.id, body: json, isNew });
    this.open(...before);
    return answer as Promise<Message>;
  }

  #answer(asked: TurnRequest): Promise<Message | undefined> {
    const turn = new Turn(this, this.#config, asked);
    this.underway = turn;
    turn.run(this.#retry).then(
      () => this.end(turn, turn.reader.said.aborted ? "stopped" : "done"),
      (error) => this.end(turn, "failed", error),
    );
    return turn.promise;
  }

  #leave(): Turn | undefined {
    const turn = this.underway;
    this.end(turn, "stopped");
    return turn;
  }
}

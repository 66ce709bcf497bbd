import { SseError } from "../errors.js";
import type { AIStreamRequest, GivenMessage, Message, RetryNotice } from "./ai-stream-config.js";
import type { Answer } from "./answer.js";
import { newId } from "./new-id.js";
import type { Usage } from "./protocols/usage.js";
import { listen, News, tell } from "./subscribers.js";

/** The longest text of an answer, and the longest reasoning, in characters. */
const maxChars = 2 ** 24;

/** Events, and what their listeners get. */
export interface ConversationEvents {
  /** A message is whole: the user's when it is sent, the model's at its end. */
  message: [message: Message];
  /** An answer is under way, with the id of its generation. */
  "streaming-start": [id: string];
  token: [token: string];
  /** Of the answer that is under way. May come several times, and counts as a whole each time. */
  usage: [usage: Usage];
  /** Nothing is under way any more, however it has ended. */
  "streaming-end": [message: Message];
  error: [error: SseError];
  /** A request, or the connection, is made again after `delay`. */
  retry: [notice: RetryNotice];
  /**
   * The answer turned out to be another one than the tokens so far said; `getMessages()` has it. Only
   * where a server runs another generation under the same id.
   */
  restart: [];
}

type Telling = [event: PropertyKey, ...args: unknown[]];

/**
 * Messages, the answer that is under way, and those who listen to it: what conversations have in
 * common, whatever their answers come by.
 */
export abstract class Conversation<Events extends ConversationEvents, Underway extends Answer>
  implements AsyncIterable<string>
{
  /** @internal */
  underway: Underway | undefined;
  #messages: readonly Message[];
  /** What `getMessages` returns, until it changes. */
  #snapshot: readonly Message[] | undefined;
  readonly #listeners = new Set<(...told: Telling) => void>();
  /** Events that no listener was told of yet. */
  readonly #due: Telling[] = [];
  #isTelling = false;
  /** Loops that wait for whatever comes next. */
  readonly #news = new News();

  protected constructor(messages: readonly GivenMessage[] = []) {
    this.#messages = messages.map(newMessage);
  }

  /** The conversation, with the answer so far: the same array until something changes. */
  getMessages(): readonly Message[] {
    const { underway } = this;
    this.#snapshot ??= Object.freeze(
      this.#messages.concat(underway?.isOpen ? underway.message("streaming") : []),
    );
    return this.#snapshot;
  }

  getIsStreaming(): boolean {
    return !!this.underway?.isOpen;
  }

  /** Returns a function that takes the listener off. What it throws is reported, and changes nothing. */
  on<Name extends keyof Events>(
    event: Name,
    listener: (...args: Events[Name] & unknown[]) => void,
  ): () => void {
    return listen(this.#listeners, (told, ...args) => {
      if (told === event) listener(...(args as Events[Name] & unknown[]));
    });
  }

  /**
   * The tokens of the answer that is under way, from its start, or else of the next one. A loop ends
   * with the answer, and throws why that failed.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<string, undefined> {
    while (!this.underway) await this.#news.next();
    const { underway } = this;
    const { tokens } = underway;
    for (let at = 0; ; ) {
      if (at < tokens.length) yield tokens[at++] as string;
      else if (underway.tokens !== tokens) throw new SseError("incomplete", "another answer came.");
      else if (this.underway === underway) await this.#news.next();
      else if (underway.error) throw underway.error;
      else return;
    }
  }

  /** Rejects where nothing can be asked now, or not this. */
  protected refusal(text: unknown): Promise<never> | undefined {
    const error = this.underway
      ? new SseError("busy", "an answer is under way; stop it, or wait for its end.")
      : typeof text !== "string" || !text
        ? new SseError("invalid-argument", "the prompt, or the id, is no text.")
        : undefined;
    return error && Promise.reject(error);
  }

  protected replace(messages: readonly Message[]): void {
    this.#messages = messages;
    this.#snapshot = undefined;
  }

  /** Tells of the answer that is under way, once. @internal */
  open(...before: Telling[]): void {
    const { underway } = this;
    if (!underway || underway.isOpen) return;
    const { id } = underway;
    underway.isOpen = true;
    // What there is of an answer that is taken up comes again. Earlier answers may have its id.
    this.replace(this.#messages.filter((message, at, all) => all[at + 1] || message.id !== id));
    this.tell(...before, ["streaming-start", id]);
  }

  /**
   * More of a text of the answer that is under way.
   *
   * @throws {SseError} `too-large`
   * @internal
   */
  add(answer: Answer, name: "text" | "reasoning", piece: unknown): void {
    if (typeof piece !== "string" || answer !== this.underway) return;
    const told = answer[name];
    const more = told.add(piece);
    const event = name === "text" ? "token" : name;
    if (more === undefined) {
      answer.tokens = [answer.text.shown];
      this.tell(["restart"]);
    } else if (more) {
      if (event === "token") answer.tokens.push(more);
      this.tell([event, more]);
    }
    if (told.shown.length <= maxChars) return;
    throw new SseError(
      "too-large",
      `the server sent an answer of more than ${maxChars} characters.`,
    );
  }

  /**
   * Does nothing unless the answer is under way.
   *
   * @param status `undefined` where there is no answer
   */
  protected end(answer: Answer | undefined, status: Message["status"], error?: SseError): void {
    if (!answer || answer !== this.underway) return;
    this.underway = undefined;
    answer.error = error;
    const message = status && answer.isOpen ? answer.message(status) : undefined;
    const { cost, usage } = message ?? {};
    if (message) this.replace([...this.#messages, message]);
    if (error) answer.reject(error);
    else answer.resolve(message);
    this.tell(
      message && ["message", message],
      cost && ["cost", cost, usage],
      error && ["error", error],
      message && ["streaming-end", message],
    );
  }

  /** All listeners hear all events in the same order, also when one of them causes the next event. @internal */
  tell(...told: (Telling | undefined)[]): void {
    this.#snapshot = undefined;
    this.#due.push(...told.filter((one) => !!one));
    this.#news.tell();
    if (this.#isTelling) return;
    this.#isTelling = true;
    for (let next = this.#due.shift(); next; next = this.#due.shift()) {
      tell(this.#listeners, ...next);
    }
    this.#isTelling = false;
  }
}

export function newMessage(given: GivenMessage): Message {
  return Object.freeze({ id: newId(), timestamp: Date.now(), ...given });
}

/** What there is to ask. */
export function asked(
  conversation: readonly Message[],
): Pick<AIStreamRequest, "prompt" | "messages"> {
  const said = conversation.filter(({ content }) => content);
  const messages = said.map(({ role, content }) => ({ role, content }));
  return { prompt: messages.at(-1)?.content ?? "", messages };
}

import { SseError } from "../errors.js";
import type { AIStreamRequest, GivenMessage, Message, RetryNotice } from "./ai-stream-config.js";
import { newId } from "./new-id.js";
import type { Usage } from "./protocols/usage.js";
import { listen, tell } from "./subscribers.js";
import type { ToldText } from "./told-text.js";

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

type Listener = (...args: never[]) => void;
type Telling = [event: PropertyKey, ...args: unknown[]];

/** An answer that is under way. */
export interface Underway {
  readonly timestamp: number;
  /** Whether listeners have been told of it. */
  isStreaming: boolean;
  /** For loops. Another array where the answer began anew. */
  tokens: string[];
  /** Whether a loop has them. */
  isRead: boolean;
  error: SseError | undefined;
  promise: Promise<Message | undefined>;
  /** What its message says now. */
  fields(): Partial<Message>;
  resolve(message: Message | undefined): void;
  reject(error: SseError): void;
}

/**
 * Messages, the answer that is under way, and those who listen to it: what conversations have in
 * common, whatever their answers come by.
 */
export abstract class Conversation<Events extends ConversationEvents>
  implements AsyncIterable<string>
{
  protected underway: Underway | undefined;
  #messages: readonly Message[];
  /** What `getMessages` returns, until it changes. */
  #snapshot: readonly Message[] | undefined;
  readonly #listeners = new Map<PropertyKey, Set<Listener>>();
  /** Events that no listener was told of yet. */
  readonly #due: Telling[] = [];
  #isTelling = false;
  /** Loops that wait for whatever comes next. */
  readonly #waiting: (() => void)[] = [];

  protected constructor(messages: readonly GivenMessage[] = []) {
    this.#messages = messages.map(newMessage);
  }

  /** The conversation, with the answer so far: the same array until something changes. */
  getMessages(): readonly Message[] {
    const { underway } = this;
    this.#snapshot ??= Object.freeze([
      ...this.#messages,
      ...(underway?.isStreaming ? [answerOf(underway, "streaming")] : []),
    ]);
    return this.#snapshot;
  }

  getIsStreaming(): boolean {
    return !!this.underway?.isStreaming;
  }

  /** Returns a function that takes the listener off. What it throws is reported, and changes nothing. */
  on<Name extends keyof Events>(
    event: Name,
    listener: (...args: Events[Name] & unknown[]) => void,
  ): () => void {
    const listeners = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, listeners);
    return listen(listeners as Set<typeof listener>, listener);
  }

  /**
   * The tokens of the answer that is under way, from its start, or else of the next one. A loop ends
   * with the answer, and throws why that failed.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<string, undefined> {
    const news = () => new Promise<void>((resolve) => this.#waiting.push(resolve));
    while (!this.underway) await news();
    const { underway } = this;
    const { tokens } = underway;
    underway.isRead = true;
    for (let at = 0; ; ) {
      if (at < tokens.length) yield tokens[at++] as string;
      else if (underway.tokens !== tokens) throw new SseError("incomplete", "another answer came.");
      else if (this.underway === underway) await news();
      else if (underway.error) throw underway.error;
      else return;
    }
  }

  /** Why nothing can be asked now, or not this. */
  protected refusal(text: unknown): SseError | undefined {
    if (this.underway) {
      return new SseError("busy", "an answer is under way; wait for its end, or stop it first.");
    }
    if (typeof text === "string" && text) return undefined;
    return new SseError("invalid-argument", "a prompt, and an id, must be text.");
  }

  protected replace(messages: readonly Message[]): void {
    this.#messages = messages;
    this.#snapshot = undefined;
  }

  /** Returns what there is to ask. */
  protected asked(): Pick<AIStreamRequest, "prompt" | "messages"> {
    const said = this.#messages.filter(({ content }) => content);
    const messages = said.map(({ role, content }) => ({ role, content }));
    return { prompt: messages.at(-1)?.content ?? "", messages };
  }

  protected begin(fields: Underway["fields"]): Underway {
    const underway = {
      fields,
      timestamp: Date.now(),
      tokens: [] as string[],
    } as unknown as Underway;
    underway.promise = new Promise((resolve, reject) => {
      Object.assign(underway, { resolve, reject });
    });
    this.underway = underway;
    return underway;
  }

  /** Tells of the answer that is under way, once. */
  protected open(...before: Telling[]): void {
    const { underway } = this;
    if (!underway || underway.isStreaming) return;
    const { id } = underway.fields();
    underway.isStreaming = true;
    // What there is of an answer that is taken up comes again.
    this.replace(this.#messages.filter((message) => message.id !== id));
    this.tell(...before, ["streaming-start", id]);
  }

  /**
   * More of a text of the answer that is under way.
   *
   * @throws {SseError} `too-large`
   */
  protected add(told: ToldText, piece: unknown, event: "token" | "reasoning"): void {
    if (typeof piece !== "string") return;
    const more = told.add(piece);
    if (more === undefined) this.restart(told);
    else if (more) {
      if (event === "token") this.underway?.tokens.push(more);
      this.tell([event, more]);
    }
    if (told.shown.length <= maxChars) return;
    throw new SseError("too-large", `the answer has more than ${maxChars} characters.`);
  }

  protected restart({ shown }: ToldText): void {
    if (this.underway) this.underway.tokens = [shown];
    this.tell(["restart"]);
  }

  /** @param status `undefined` where there is no answer */
  protected end(status: Message["status"], error?: SseError): void {
    const { underway } = this;
    if (!underway) return;
    const message = status && underway.isStreaming ? answerOf(underway, status, error) : undefined;
    const { cost, usage } = message ?? {};
    this.underway = undefined;
    underway.error = error;
    if (message) this.replace([...this.#messages, message]);
    // Whoever is told in another way need not look at the promise.
    if (underway.isRead || this.#listeners.get("error")?.size) underway.promise.catch(() => {});
    if (error) underway.reject(error);
    else underway.resolve(message);
    const told: (Telling | undefined | false)[] = [
      message && ["message", message],
      cost && ["cost", cost, usage],
      error && ["error", error],
      message && ["streaming-end", message],
    ];
    this.tell(...told.filter((one) => !!one));
  }

  /** All listeners hear all events in the same order, also when one of them causes the next event. */
  protected tell(...told: Telling[]): void {
    this.#snapshot = undefined;
    this.#due.push(...told);
    for (const resolve of this.#waiting.splice(0)) resolve();
    if (this.#isTelling) return;
    this.#isTelling = true;
    for (let next = this.#due.shift(); next; next = this.#due.shift()) {
      const [event, ...args] = next;
      tell((this.#listeners.get(event) ?? new Set()) as Set<(...args: unknown[]) => void>, ...args);
    }
    this.#isTelling = false;
  }
}

export function newMessage(given: GivenMessage): Message {
  return Object.freeze({ id: newId(), timestamp: Date.now(), ...given });
}

function answerOf(
  { fields, timestamp }: Underway,
  status: Message["status"],
  error?: SseError,
): Message {
  const all = { role: "assistant", timestamp, status, error, ...fields() };
  const known = Object.entries(all).filter(([, value]) => value !== undefined);
  return Object.freeze(Object.fromEntries(known)) as unknown as Message;
}

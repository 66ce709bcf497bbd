import type { SseError } from "../errors.js";
import type { Message } from "./ai-stream-config.js";
import { known } from "./protocols/said.js";
import { ToldText } from "./told-text.js";

/** An answer that is under way, and the promise of its message. */
export abstract class Answer {
  readonly id: string;
  readonly timestamp = Date.now();
  readonly text = new ToldText();
  readonly reasoning = new ToldText();
  /** For loops. Another array where the answer began anew. */
  tokens: string[] = [];
  /** Whether listeners have been told of it. */
  isOpen = false;
  error: SseError | undefined;
  declare resolve: (message: Message | undefined) => void;
  declare reject: (error: SseError) => void;
  readonly promise: Promise<Message | undefined>;

  constructor(id: string) {
    this.id = id;
    this.promise = new Promise((resolve, reject) => {
      Object.assign(this, { resolve, reject });
    });
    // Whoever looks at the message, or is told of the error, need not look at the promise.
    this.promise.catch(() => {});
  }

  /** Its message as it is now. */
  message(status: Message["status"]): Message {
    const { id, timestamp, text, reasoning, error } = this;
    return known({
      id,
      role: "assistant",
      content: text.shown,
      timestamp,
      status,
      reasoning: reasoning.shown || undefined,
      error,
      ...this.details(),
    }) as Message;
  }

  /** What else its message says. */
  protected abstract details(): Partial<Message>;
}

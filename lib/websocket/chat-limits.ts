import { requireOption } from "../errors.js";
import { wholeNumber } from "../options.js";

/** What one connection may ask for. */
export interface WebSocketChatLimits {
  /**
   * How many messages in 10 seconds, and how many may wait to be handled. The socket is closed with 1008 beyond.
   *
   * Defaults to `100`.
   */
  messages?: number | undefined;
  /**
   * How many bytes a message may have. The socket is closed with 1009 beyond; give the server of `ws` a
   * `maxPayload` as well, which refuses such a message before it is read whole.
   *
   * Defaults to `1048576`, 1 MiB.
   */
  messageBytes?: number | undefined;
  /**
   * How many answers may be watched at once; more are refused.
   *
   * Defaults to `16`.
   */
  answers?: number | undefined;
}

export type ChatLimits = { readonly [Name in keyof WebSocketChatLimits]-?: number };

/** @throws {SseError} `invalid-option` */
export function chatLimitsOf(given: WebSocketChatLimits = {}): ChatLimits {
  requireOption(typeof given === "object" && given !== null, "limits", given, "an object");
  const { messages = 100, messageBytes = 1024 * 1024, answers = 16 } = given;
  return {
    messages: wholeNumber("limits.messages", messages, 1),
    messageBytes: wholeNumber("limits.messageBytes", messageBytes, 1),
    answers: wholeNumber("limits.answers", answers, 1),
  };
}

/** In ms. */
const windowMs = 10_000;

/** Counts messages, without a timer. */
export class MessageRate {
  readonly #limit: number;
  #count = 0;
  #since = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Counts one more. Returns whether there may be one. */
  take(): boolean {
    const now = performance.now();
    if (now - this.#since >= windowMs) {
      this.#since = now;
      this.#count = 0;
    }
    return ++this.#count <= this.#limit;
  }
}

import type { SseError } from "../errors.js";
import type { Cost, PriceTable } from "../streaming/accounting/cost.js";
import type { FinishReason } from "../streaming/parts.js";
import type { Usage } from "./protocols/usage.js";
import type { RetryConfig } from "./retry.js";
import type { RetryNotice } from "./turn.js";

/** One message of the conversation. Never changes: what has changed is another object. */
export interface Message {
  /** Of an answer: that of its generation, for {@link AIStream.resume}. */
  readonly id: string;
  readonly role: "user" | "assistant" | "system";
  readonly content: string;
  /** When it was begun, in ms since 1970. */
  readonly timestamp: number;
  /** Of an answer: `stopped` by somebody, `failed` for the reason in `error`; absent of others. */
  readonly status?: "streaming" | "done" | "stopped" | "failed";
  /** What the model thought, where the protocol tells. */
  readonly reasoning?: string;
  readonly finishReason?: FinishReason;
  readonly usage?: Usage;
  /** By `prices`. */
  readonly cost?: Cost;
  readonly error?: SseError;
}

/** A message that was there before. */
export type GivenMessage = Pick<Message, "role" | "content"> & Partial<Message>;

/** What a request is made of. */
export interface AIStreamRequest {
  /** Of the generation that is to be started. */
  id: string;
  /** The last of `messages`. */
  prompt: string;
  /** The conversation, without answers that have no text. */
  messages: Pick<Message, "role" | "content">[];
  model: string | undefined;
  systemPrompt: string | undefined;
}

export interface AIStreamConfig {
  /**
   * Where answers are asked for: `POST {endpoint}` starts one and streams it,
   * `GET {endpoint}/{id}/stream` resumes it, `POST {endpoint}/{id}/stop` stops it. These are the routes
   * of `generationHandlers`; without the last two, an answer that breaks off stays incomplete, and a
   * stop ends the connection only.
   */
  endpoint: string;
  /** Sent along, and the name to look up in `prices` where the server names no model. */
  model?: string | undefined;
  /** Of every request. A function is asked each time, so that it can renew a token. */
  headers?: HeadersInit | (() => HeadersInit | Promise<HeadersInit>) | undefined;
  /** Sent along. */
  systemPrompt?: string | undefined;
  /** As the event `token`. */
  onToken?: ((token: string) => void) | undefined;
  /** As the event `cost`. */
  onCost?: ((cost: Cost, usage: Usage) => void) | undefined;
  /** As the event `error`. */
  onError?: ((error: SseError) => void) | undefined;
  /**
   * How often in a row, and when, to try again after a lost connection, the statuses 408, 425, 429 and
   * 5xx, and errors of the model that pass. `Retry-After` is waited for. Once the answer has gone on,
   * counting begins anew. Defaults to 3 retries, exponential, of 1000 ms to 10 000 ms; `false`: none.
   */
  retry?: RetryConfig | false | undefined;
  /**
   * The id of the next generation: up to 512 letters, digits and the like. Defaults to 32 random
   * hexadecimal digits for each. With ids that are used again, such as a conversation's, a request
   * whose fate is unknown is posted again, as what runs under the id may be an older answer.
   */
  id?: string | (() => string) | undefined;
  /** What models cost per million tokens, for `onCost`. */
  prices?: PriceTable | undefined;
  /** Defaults to the global one. Its signal has to be passed on. */
  fetch?: typeof fetch | undefined;
  /** As of `fetch`. */
  credentials?: RequestCredentials | undefined;
  /** The body to post, as JSON. Defaults to the request as it is. */
  body?: ((request: AIStreamRequest) => object) | undefined;
  /** The conversation so far. */
  messages?: readonly GivenMessage[] | undefined;
  /**
   * After how many ms in which nothing has come, keep-alive comments included, a connection is given
   * up and the answer resumed. Defaults to 120 000; `null`: never.
   */
  idleTimeout?: number | null | undefined;
}

/** Events, and what their listeners get. */
export interface AIStreamEvents {
  /** A message is whole: the user's when it is sent, the model's at its end. */
  message: [message: Message];
  /** An answer is under way, with the id of its generation. */
  "streaming-start": [id: string];
  token: [token: string];
  /** More of what the model thought. */
  reasoning: [text: string];
  /** Of the answer that is under way. May come several times, and counts as a whole each time. */
  usage: [usage: Usage];
  /** Once for each answer whose usage and price are known. */
  cost: [cost: Cost, usage: Usage];
  /** Nothing is under way any more, however it has ended. */
  "streaming-end": [message: Message];
  error: [error: SseError];
  /** A request is made again after `delay`. */
  retry: [notice: RetryNotice];
  /**
   * The answer turned out to be another one than the tokens so far said; `getMessages()` has it. Only
   * where a server runs another generation under the same id.
   */
  restart: [];
  reset: [];
}

import type { SseError } from "../errors.js";
import type { Cost, PriceTable } from "../streaming/accounting/cost.js";
import type { FinishReason } from "../streaming/parts.js";
import type { ConversationEvents } from "./conversation.js";
import type { Usage } from "./protocols/usage.js";
import type { HeadersOption } from "./request.js";
import type { RetryConfig } from "./retry.js";

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
  /**
   * Of every request, or a function that is asked before each: for tokens that expire. `renew` is `true`
   * after a 401, which is answered by one more request at once.
   */
  headers?: HeadersOption | undefined;
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
   * The id of the next generation: up to 512 letters, digits and the like. Defaults to up to
   * 40 random digits for each. With ids that are used again, such as a conversation's, a request
   * whose fate is unknown is posted again, as what runs under the id may be an older answer.
   */
  id?: string | (() => string) | undefined;
  /** What models cost per million tokens, for `onCost`. */
  prices?: PriceTable | undefined;
  /** Used instead of the global one. It must heed the signal that it is given. */
  fetch?: ((url: string, init: RequestInit) => Promise<Response>) | undefined;
  /** As that of `fetch`. Defaults to `same-origin`. */
  credentials?: RequestInit["credentials"];
  /** The body to post, as JSON. Defaults to the request as it is. */
  body?: ((request: AIStreamRequest) => object) | undefined;
  /** The conversation so far. */
  messages?: readonly GivenMessage[] | undefined;
  /**
   * A connection of which nothing was heard for so long, keep-alive comments included, is given up and
   * the answer resumed, in ms; 0 means never. More than the server's `keepAlive`. Defaults to 120 000.
   */
  heartbeatTimeout?: number | undefined;
}

/** That a request is made again. */
export interface RetryNotice {
  /** 1 for the first one since the answer last went on. */
  readonly attempt: number;
  /** In ms from now. */
  readonly delay: number;
  /** Why. */
  readonly error: SseError;
}

/** Events, and what their listeners get. */
export interface AIStreamEvents extends ConversationEvents {
  /** More of what the model thought. */
  reasoning: [text: string];
  /** Once for each answer whose usage and price are known. */
  cost: [cost: Cost, usage: Usage];
  reset: [];
}

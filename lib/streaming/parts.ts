/**
 * The one internal model of a model's answer: what every reader yields, whichever provider it
 * reads, and what every writer encodes, whichever client it writes for.
 *
 * A reader keeps to this order, so that a writer needs no state to check it:
 * - `start` comes first, and is missing only when the provider failed before its first chunk;
 * - `usage` comes at most once, directly before the terminal part;
 * - exactly one terminal part ({@link TerminalPart}: `finish`, `error` or `abort`) comes last.
 *
 * All parts but `error.cause` survive `JSON.stringify` and back.
 */
export type Part =
  | StartPart
  | TextPart
  | ReasoningPart
  | RefusalPart
  | ToolCallStartPart
  | ToolCallDeltaPart
  | ToolCallPart
  | ToolResultPart
  | SourcePart
  | MetadataPart
  | UsagePart
  | TerminalPart;

/** The last part of every answer. */
export type TerminalPart = FinishPart | ErrorPart | AbortPart;

/** The wire format that an answer was read from; `parts` when it was never encoded. */
export type AnswerFormat = "openai" | "openai-responses" | "anthropic" | "gemini" | "parts";

export interface StartPart {
  type: "start";
  /** The provider's id of the answer: `chatcmpl-…`, `resp_…`, `msg_…`. */
  id?: string;
  /** The model that answers, as the provider names it (often more exact than the one asked for). */
  model?: string;
  /** When the provider created the answer, in whole seconds since 1970. */
  created?: number;
  /** Where `raw` values of later parts come from. */
  format?: AnswerFormat;
}

/** More of the answer's text. Never ends between the two halves of a surrogate pair. */
export interface TextPart {
  type: "text";
  /** Never empty. */
  text: string;
  /**
   * Which content block it belongs to, for providers that have them (Anthropic's content blocks,
   * Responses' content parts). A new block begins when the number differs from that of the
   * preceding text or reasoning; numbers only grow, with holes. Providers without blocks: absent.
   */
  block?: number;
}

/** More of what the model thought, or a summary of it. Not part of the answer's text. */
export interface ReasoningPart {
  type: "reasoning";
  /** Empty on a part that only brings `signature` or `redacted`. */
  text: string;
  /** As {@link TextPart.block}. */
  block?: number;
  /**
   * The provider's opaque token for this block, to be sent back unchanged with the next request:
   * Anthropic's `signature`, Responses' `encrypted_content`, Gemini's `thoughtSignature`. The last
   * one of a block counts.
   */
  signature?: string;
  /** A block whose text the provider hides: the `data` of Anthropic's `redacted_thinking`. */
  redacted?: string;
  /** `true` for a summary (Responses' `reasoning_summary_text`); absent for the reasoning itself. */
  summary?: true;
  /** Responses' id of the reasoning item (`rs_…`), needed to send it back. */
  itemId?: string;
}

/** The model says why it does not answer (OpenAI). Not part of the answer's text. */
export interface RefusalPart {
  type: "refusal";
  /** Never empty. */
  text: string;
}

/** The model begins to call a tool. Deltas, then one `tool-call` with the same `id`, follow. */
export interface ToolCallStartPart {
  type: "tool-call-start";
  /** Distinct within the answer; made up as `call_<answer id>_<index>` when the provider gives none. */
  id: string;
  /** Empty only when the provider never named the tool. */
  name: string;
  /** 0 for the answer's first tool call, 1 for the next: our count, whatever the provider's. */
  index: number;
  /** `true` when the provider runs the tool itself (web search and the like): nobody else may. */
  providerExecuted?: true;
  /** `true` for a tool whose input is plain text instead of JSON (Responses' custom tools). */
  custom?: true;
  /** Responses' id of the output item (`fc_…`). */
  itemId?: string;
}

/** More of a tool call's arguments. Never ends between the two halves of a surrogate pair. */
export interface ToolCallDeltaPart {
  type: "tool-call-delta";
  id: string;
  /** Never empty. The deltas of a call joined are its `arguments`. */
  delta: string;
}

/** A tool call, whole. It is missing when the stream broke off within the call. */
export interface ToolCallPart {
  type: "tool-call";
  id: string;
  name: string;
  /** As the model wrote them: meant to be JSON, and cut short if the model reached its limit. */
  arguments: string;
  /** `arguments` parsed; the text itself for a custom tool; `undefined` when it is not JSON. */
  input: unknown;
  providerExecuted?: true;
  custom?: true;
  /** The provider's own object of a call that it runs itself. */
  raw?: unknown;
}

/** What a tool gave back: one that the provider ran, or one that the application reports. */
export interface ToolResultPart {
  type: "tool-result";
  /** That of the tool call. */
  id: string;
  name: string;
  /** JSON, in the shape of the tool. */
  result: unknown;
  isError?: true;
  providerExecuted?: true;
  /** The provider's own object: Anthropic's `…_tool_result` block, Responses' output item. */
  raw?: unknown;
}

/** Something that the answer cites or rests on. */
export interface SourcePart {
  type: "source";
  /** Distinct within the answer: `source_0`, `source_1`… */
  id: string;
  /** Absent for a document of the request or a file, which have a title only. */
  url?: string;
  title?: string;
  /** The passage that is cited. */
  text?: string;
  /** The cited range of the answer's text, as the provider counts it (characters, end excluded). */
  start?: number;
  end?: number;
  /** The text block that cites it (Anthropic, Responses). */
  block?: number;
  /** The provider's own citation object. */
  raw?: unknown;
}

/** Anything that the application tells its clients beside the answer. Readers yield none. */
export interface MetadataPart {
  type: "metadata";
  data: Record<string, unknown>;
}

/** Tokens of the whole answer. */
export interface Usage {
  /** Tokens of the prompt, those read from or written to the provider's cache among them. */
  inputTokens: number;
  /** Tokens of the answer, reasoning among them (also for xAI, whose own figure leaves it out). */
  outputTokens: number;
  /** As reported, else the sum of the two. */
  totalTokens: number;
  /** The share of `outputTokens` that was reasoning, when the provider tells. */
  reasoningTokens?: number;
  /**
   * The share of `inputTokens` that came from the provider's cache, when the provider tells. As
   * reported: one provider is on record with more than `inputTokens`.
   */
  cachedInputTokens?: number;
  /** The share of `inputTokens` that was written to the provider's cache (Anthropic, OpenRouter). */
  cacheWriteTokens?: number;
  /** The provider's own object, with all that it holds besides (cost, time, service tier). */
  raw?: unknown;
}

export interface UsagePart {
  type: "usage";
  usage: Usage;
}

/**
 * Why the answer ended.
 * - `stop`: the model was done, or met a stop sequence.
 * - `length`: the token limit or the context window was reached.
 * - `tool-calls`: the model waits for results of its tool calls.
 * - `content-filter`: the provider withheld the rest.
 * - `refusal`: the model declined.
 * - `pause`: the provider paused a long turn; send the answer back to go on (Anthropic's `pause_turn`).
 * - `error`: the application ended it so; readers yield an {@link ErrorPart} instead.
 * - `other`: something newer than this list, see `raw`.
 */
export type FinishReason =
  | "stop"
  | "length"
  | "tool-calls"
  | "content-filter"
  | "refusal"
  | "pause"
  | "error"
  | "other";

/** Terminal: the answer is whole, as far as the provider was willing. */
export interface FinishPart {
  type: "finish";
  reason: FinishReason;
  /** The provider's own word: `stop`, `max_tokens`, `completed`… */
  raw?: string;
  /** The stop sequence that was met (Anthropic). */
  stopSequence?: string;
  /** The provider's own object about it: Anthropic's `stop_details`. */
  details?: unknown;
}

/**
 * What went wrong with an answer.
 *
 * Told by the provider: `rate-limit`, `quota` (credit used up), `overloaded`, `authentication`,
 * `permission`, `not-found`, `invalid-request`, `content-filter`, `timeout`, `server-error`, and
 * `provider-error` for whatever is none of these.
 *
 * Found by the reader:
 * - `incomplete-stream`: it ended before the answer did;
 * - `invalid-chunk`: a chunk is not JSON, or not readable at all;
 * - `not-a-stream`: the body is no event stream (a JSON answer, a web page);
 * - `unknown-format`: no format of {@link AnswerFormat} was recognised, as in strings of plain text;
 * - `too-large`: one event, or all tool arguments, are longer than the reader's limit;
 * - `connection-error`: the connection to the provider failed;
 * - `source-error`: the source threw something else.
 *
 * Found by a generation:
 * - `idle-timeout`, `max-duration`, `max-bytes`: a limit of its own was reached;
 * - `store-error`: its store failed;
 * - `producer-lost`: the process that read the provider has gone.
 */
export type AnswerErrorCode =
  | "rate-limit"
  | "quota"
  | "overloaded"
  | "authentication"
  | "permission"
  | "not-found"
  | "invalid-request"
  | "content-filter"
  | "timeout"
  | "server-error"
  | "provider-error"
  | "incomplete-stream"
  | "invalid-chunk"
  | "not-a-stream"
  | "unknown-format"
  | "too-large"
  | "connection-error"
  | "source-error"
  | "idle-timeout"
  | "max-duration"
  | "max-bytes"
  | "store-error"
  | "producer-lost";

/** Terminal: the answer failed; the parts before it are what there is of it. */
export interface ErrorPart {
  type: "error";
  /** An {@link AnswerErrorCode}, or the application's own. */
  code: AnswerErrorCode | (string & {});
  /** For people; at most 4096 characters. The provider's words can name accounts and keys. */
  message: string;
  /** Whether the same request may succeed later. */
  retryable: boolean;
  /** The HTTP status, when there was one above 399. */
  status?: number;
  /** How long the provider asks to wait, in ms. */
  retryAfter?: number;
  /** The provider's own words: `error.type` (`overloaded_error`) and `error.code`. */
  providerType?: string;
  providerCode?: string;
  /** The provider's own error object. */
  raw?: unknown;
  /** What the source threw. Not for JSON. */
  cause?: unknown;
}

/** Terminal: the application, not the provider, ended the answer. */
export interface AbortPart {
  type: "abort";
  reason?: string;
}

/** Whether a part is the last one of its answer. */
export function isTerminal(part: Part): part is TerminalPart {
  return part.type === "finish" || part.type === "error" || part.type === "abort";
}

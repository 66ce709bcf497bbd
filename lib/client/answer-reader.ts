import { SseError } from "../errors.js";
import type { FinishReason } from "../streaming/parts.js";
import { finishReason, readEvent } from "./protocols/index.js";
import { type JsonObject, object, type Said } from "./protocols/said.js";
import { type Counts, count, type Usage, usageOf } from "./protocols/usage.js";

/** The servers' words for errors that pass. */
const passing = /rate.?limit|overload|server.?error|timeout|unavailable|connection/i;

/** An error that the server told within the answer. */
export interface ToldError {
  message: string;
  /** The protocol's own word, or `""`. */
  code: string;
  /** When to ask again, in ms; 0 where the server does not say. */
  retryAfter: number;
}

/** The error in an event of any protocol, flat or nested. */
export function toldError(data: unknown): ToldError {
  const told = object(data);
  const error: JsonObject = typeof told.error === "object" ? object(told.error) : told;
  const { message = told.errorText ?? told.error, code, type, retryAfter } = error;
  return {
    message: String(message),
    code: String(code ?? type ?? ""),
    retryAfter: Number(retryAfter) || 0,
  };
}

/** What the events of an answer say besides its text, from its start. */
export class AnswerReader {
  /** Whether the model has spoken, so that somebody pays. */
  heard = false;
  usage: Usage | undefined;
  /** Of each kind the last. */
  readonly #said: Said = {};
  readonly #counts: Counts = {};

  /** As the server names it. */
  get model(): unknown {
    return this.#said.model;
  }

  get finishReason(): FinishReason | undefined {
    const { finish, tools, refused } = this.#said;
    if (!finish) return undefined;
    const reason = finishReason(finish);
    if (reason !== "stop") return reason;
    // Some servers say `stop` after tool calls; OpenAI says it after a refusal.
    return tools ? "tool-calls" : refused ? "refusal" : reason;
  }

  /** Why it has failed. */
  get error(): ToldError | undefined {
    const { error } = this.#said;
    return error ? toldError(error) : undefined;
  }

  /** Whether it has failed for a reason that passes. */
  get passes(): boolean {
    return passing.test(this.error?.code ?? "");
  }

  /** Whether somebody stopped it. */
  get aborted(): boolean {
    return !!this.#said.aborted || /^aborted$/i.test(this.error?.code ?? "");
  }

  /** Whether nothing more is to come. */
  get ended(): boolean {
    const { end, done, error, aborted } = this.#said;
    return !!(end || done || error || aborted);
  }

  /** Whether it lacks nothing but what may come after its end. */
  get isWhole(): boolean {
    const { end, done, endless, error, finish } = this.#said;
    return !error && !!(end || finish || (done && endless));
  }

  /**
   * Returns what the event says, if it is one of a protocol.
   *
   * @throws {SseError} `invalid-data` for what is not JSON
   */
  take(event: string, json: string): Said | undefined {
    const said = readEvent(event, json);
    const { start, quiet, error, done, usage } = said ?? {};
    this.heard ||= !(start || quiet || error || done);
    for (const name of Object.keys(said ?? {}) as (keyof Said)[]) {
      if (said?.[name]) this.#said[name] = said[name];
    }
    if (!usage) return said;
    count(this.#counts, usage);
    const now = usageOf(this.#counts);
    // Anthropic's first counts may be zeros.
    if (now.totalTokens) this.usage = now;
    return said;
  }

  /**
   * To be called when its stream has ended.
   *
   * @throws {SseError} unless the answer may end where it is
   */
  check(): void {
    const { aborted, error: cause, isWhole } = this;
    if (aborted || isWhole) return;
    throw cause
      ? new SseError("answer-failed", `the answer failed: ${cause.message}`, { cause })
      : new SseError("incomplete-stream", "the stream ended before the answer did.");
  }
}

import { SseError } from "../errors.js";
import type { FinishReason } from "../streaming/parts.js";
import { finishReason, readEvent } from "./protocols/index.js";
import { type JsonObject, known, type Said } from "./protocols/said.js";
import { type Counts, count, type Usage, usageOf } from "./protocols/usage.js";

/** The servers' words for errors that pass. */
const passing = /rate.?limit|overload|server.?error|timeout|unavailable|connection/i;

/** What the events of an answer say besides its text, from its start. */
export class AnswerReader {
  /** Whether the model has spoken, so that somebody pays. */
  heard = false;
  usage: Usage | undefined;
  /** Of each kind the last. */
  readonly said: Said = {};
  readonly #counts: Counts = {};

  get finishReason(): FinishReason | undefined {
    const { finish, instead } = this.said;
    const reason = finish ? finishReason(finish) : undefined;
    return reason === "stop" ? (instead ?? reason) : reason;
  }

  /** Whether it has failed for good: the reason does not pass, or somebody has paid. */
  get isLost(): boolean {
    const { error } = this.said;
    return !!error && (this.heard || !passing.test(error.code));
  }

  /** Whether nothing more is to come. Where the stream is done before the answer, it may be resumed. */
  get ended(): boolean {
    const { end, done, error, aborted } = this.said;
    return !!(error || (this.isWhole && (end || done || aborted)));
  }

  /** Whether it lacks nothing but what may come after its end. */
  get isWhole(): boolean {
    const { end, done, endless, error, finish, aborted } = this.said;
    return !error && !!(end || finish || aborted || (done && endless));
  }

  /** Why it is no answer, when its stream has ended where it is. */
  get failure(): SseError | undefined {
    const { error: cause } = this.said;
    if (this.isWhole) return undefined;
    return cause
      ? new SseError("answer-failed", `the answer failed: ${cause.message}`, { cause })
      : new SseError("incomplete-stream", "the stream ended before the answer did.");
  }

  /**
   * Returns what the event says: nothing, if it is of no protocol.
   *
   * @throws {SseError} `invalid-data` for what is not JSON
   */
  take(event: string, json: string): Said {
    const said = readEvent(event, json);
    const { start, quiet, error, done, usage } = said;
    this.heard ||= !(start || quiet || error || done);
    Object.assign(this.said, known(said as JsonObject));
    if (!usage) return said;
    count(this.#counts, usage);
    const now = usageOf(this.#counts);
    // Anthropic's first counts may be zeros.
    if (now.totalTokens) this.usage = now;
    return said;
  }
}

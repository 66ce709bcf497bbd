import type { ErrorPart, FinishReason, Usage } from "../parts.js";
import type { Cost } from "./cost.js";

/**
 * What a run used. As {@link Usage}, except that the tokens of the prompt are unknown when neither
 * the provider reported them nor the prompt was given to estimate them from.
 */
export interface MeteredUsage extends Omit<Usage, "inputTokens" | "totalTokens"> {
  inputTokens: number | undefined;
  totalTokens: number | undefined;
}

export interface Timings {
  /** When the run was started, in ms since 1970. */
  startedAt: number;
  /**
   * From the start to the first text, reasoning, refusal or tool call, in ms. Undefined until then.
   */
  timeToFirstToken: number | undefined;
  /** From the start to the end, or to now while it runs, in ms. */
  total: number;
  /**
   * Output tokens per second from the first token to the end. Reasoning that the provider counts
   * but does not stream comes before, and is left out. Undefined while the run is under way, and
   * for an answer that came in one piece.
   */
  tokensPerSecond: number | undefined;
}

/** One run of a model, as far as it has come. */
export interface Report {
  /** As the provider names it, else the one asked for. */
  model: string | undefined;
  /** `finished`: as the provider meant it. `failed`: see `error`. `aborted`: stopped before its end. */
  status: "running" | "finished" | "failed" | "aborted";
  finishReason: FinishReason | undefined;
  error: ErrorPart | undefined;
  /** Undefined while it is not known, and when it was neither reported nor could be estimated. */
  usage: MeteredUsage | undefined;
  /** Whether `usage`, or a part of it, is not what the provider says it was in the end. */
  estimated: boolean;
  timings: Timings;
  /** Undefined without usage, and for a model that has no price. */
  cost: Cost | undefined;
}

import { checkOptions, describe, requireOption, SseError } from "../errors.js";
import { wholeNumber } from "../options.js";

/** How much of what was broadcast a channel keeps, for clients that reconnect. */
export interface HistoryOptions {
  /**
   * The most events, at least 1; `null` for as many as `bytes` and `ms` allow.
   *
   * Defaults to `1000`.
   */
  events?: number | null | undefined;
  /**
   * The most bytes, at least 1. Each event counts 192 more than it has, and its id once more, for
   * the memory that it takes.
   *
   * Defaults to `1048576`, 1 MiB.
   */
  bytes?: number | undefined;
  /**
   * How long, in ms; `null` for ever.
   *
   * Defaults to `300000`, 5 minutes.
   */
  ms?: number | null | undefined;
}

/** What a session gets at first when it is registered with a channel that has a history. */
export interface RegisterOptions {
  /**
   * The id of the event after which to begin; `null` to begin with the oldest event held, `""` with
   * what is broadcast from now on.
   *
   * Defaults to where the client was: the id that it says it got last, or the session's `lastId`, or,
   * for a session that was registered before, where it left. A client that got no event yet begins
   * with what is broadcast from now on.
   */
  since?: string | null | undefined;
  /**
   * What follows when the client lacks events that are not held, or may lack some, which it is told by
   * an event `gap`: all events that are held, of which it may know some, or none of them.
   *
   * Defaults to `"all"`.
   */
  onGap?: "all" | "none" | undefined;
}

/** Checked, as the engine takes them: 0 for no limit. */
export interface HistoryLimits {
  readonly events: number;
  readonly bytes: number;
  readonly ms: number;
}

// The engine counts in whole ms; beyond that nobody asks.
const maxMs = 2 ** 31 - 1;

/**
 * The limits that the option `history` stands for; undefined for no history.
 *
 * @throws {SseError} `invalid-option`
 */
export function historyLimits(
  given: HistoryOptions | boolean | null | undefined,
): HistoryLimits | undefined {
  if (given === undefined || given === null || given === false) return undefined;
  const isOptions = given === true || (typeof given === "object" && !Array.isArray(given));
  requireOption(isOptions, "history", given, "an object of events, bytes and ms, or true or false");
  const { events = 1000, bytes = 1 << 20, ms = 300_000 } = given === true ? {} : given;
  return {
    events: events === null ? 0 : wholeNumber("history.events", events, 1),
    bytes: wholeNumber("history.bytes", bytes, 1),
    ms: ms === null ? 0 : milliseconds(ms),
  };
}

function milliseconds(ms: number): number {
  const valid = typeof ms === "number" && ms > 0 && ms <= maxMs;
  const expected = `a number of ms, more than 0 and at most ${maxMs}, or null`;
  requireOption(valid, "history.ms", ms, expected);
  return Math.ceil(ms);
}

/** @throws {SseError} `invalid-argument`, `invalid-option` */
export function checkRegisterOptions(
  options: RegisterOptions | null | undefined,
  hasHistory: boolean,
): RegisterOptions {
  const { since, onGap } = checkOptions(options) ?? {};
  if (!hasHistory && (since !== undefined || onGap !== undefined)) {
    throw new SseError(
      "invalid-argument",
      "since and onGap are for channels with a history; create the channel with the option history.",
    );
  }
  if (since !== undefined && since !== null && typeof since !== "string") {
    throw new SseError(
      "invalid-argument",
      `since is ${describe(since)}; it must be the id of an event, or null for all that is held.`,
    );
  }
  const isKnown = onGap === undefined || onGap === "all" || onGap === "none";
  requireOption(isKnown, "onGap", onGap, '"all" or "none"');
  return { since, onGap };
}

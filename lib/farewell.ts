import { checkEventName } from "./encoding.js";
import { checkOptions } from "./errors.js";
import { wholeNumber } from "./options.js";

/** How clients are told that the server ends their sessions. */
export interface CloseOptions {
  /**
   * Data of a last event. It has no id, so that clients resume from the one before.
   *
   * Defaults to `null` when `event` is given, else to sending none.
   */
  data?: unknown;
  /**
   * Name of the last event. There is one where this or `data` is given.
   *
   * Defaults to `"message"`.
   */
  event?: string | undefined;
  /**
   * After how many ms the first client may connect again: a whole number, or `null` to leave it to
   * the clients.
   *
   * Defaults to `2000`.
   */
  retry?: number | null | undefined;
  /**
   * Over how many ms more the clients are spread, so that they do not all come back at once: each is told
   * another time, evenly apart.
   *
   * Defaults to `10000`.
   */
  spread?: number | undefined;
}

type RetryTime = (index: number, count: number) => number;

/** What the clients are told, checked. */
export interface Farewell {
  event: string;
  /** Undefined for no last event. */
  data: unknown;
  /** The time to reconnect of one of `count` sessions, in ms; undefined when they are told none. */
  retryTime: RetryTime | undefined;
}

function retryTimes({ retry = 2000, spread = 10_000 }: CloseOptions): RetryTime | undefined {
  const window = wholeNumber("spread", spread, 0);
  if (retry === null) return undefined;
  const first = wholeNumber("retry", retry, 0);
  return (index, count) => first + Math.floor((window * index) / count);
}

/**
 * The last words that `options` stand for.
 *
 * @throws {SseError} `invalid-option`, `invalid-argument` for a name that is no string
 */
export function farewellOf(options: CloseOptions | null | undefined): Farewell {
  const given = checkOptions(options) ?? {};
  const { event = "message", data = given.event === undefined ? undefined : null } = given;
  checkEventName(event);
  return { event, data, retryTime: retryTimes(given) };
}

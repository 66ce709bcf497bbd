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
   * Name of the last event.
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

/**
 * The time to reconnect of each of `count` sessions, in ms; undefined when they are told none.
 *
 * @throws {SseError} `invalid-option`
 */
export function retryTimes(
  options: CloseOptions,
): ((index: number, count: number) => number) | undefined {
  const { retry = 2000, spread = 10_000 } = options;
  const window = wholeNumber("spread", spread, 0);
  if (retry === null) return undefined;
  const first = wholeNumber("retry", retry, 0);
  return (index, count) => first + Math.floor((window * index) / count);
}

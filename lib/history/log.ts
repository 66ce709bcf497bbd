import type { Gap } from "./gap.js";

/** An event as a log has it: text already, as it is sent. */
export interface LogEntry {
  readonly id: string;
  /** `"message"` for none. */
  readonly name: string;
  readonly data: string;
}

/** The id before the first event of a log that was empty. */
export const noEntry = "0-0";

/** What comes after an event in a log. */
export interface LogPage {
  /** Oldest first. Empty when there is nothing yet; what there is may take several pages. */
  readonly entries: readonly LogEntry[];
  /** Why these do not follow the event that was asked for, but are the oldest that there are. */
  readonly gap?: Gap | undefined;
}

/** Where events of a channel can be read that its history does not hold. */
export interface ChannelLog {
  /**
   * What comes after the event with this id; null: from the oldest on. May wait; what it rejects with
   * becomes a warning, and an `unknown` gap.
   *
   * @param signal aborts when the session has gone that it is read for: it need not wait any more
   */
  read(since: string | null, signal?: AbortSignal): Promise<LogPage>;
}

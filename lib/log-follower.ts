import type {
  Backplane,
  BackplaneLog,
  LogPosition,
  LogReceiver,
  NumberedEntry,
} from "./backplane.js";
import { describe, requireOption, type SseError, warn } from "./errors.js";
import type { Gap } from "./history/gap.js";
import { type ChannelLog, type LogEntry, noEntry } from "./history/log.js";

/** What is done with what comes from a log: a channel. */
export interface LogHost {
  readonly sessionCount: number;
  /** Where the log is read on, or anew: null for an empty one, undefined while that is not known. */
  onPosition(log: ChannelLog, id: string | null | undefined): void;
  /** What comes next does not follow on what came before. @throws as `onEntry` */
  onGap(gap: Gap): void;
  /** @throws {SseError} `overloaded`, to be given the same entry again; what listeners throw */
  onEntry(entry: LogEntry): void;
  onError(error: SseError): void;
}

/** Follows the log that a channel shares with other processes, and finds out where entries are missing. */
export class LogFollower implements LogReceiver {
  readonly log: BackplaneLog;
  /** How often entries were missing. */
  gaps = 0;
  readonly #host: LogHost;
  #position: LogPosition | undefined;
  /** Whether it has failed before it was known where the log ends. */
  #isLate = false;

  /** @throws {SseError} `invalid-option`, `closed` */
  constructor(backplane: Backplane, name: string, host: LogHost) {
    const isBackplane = typeof backplane?.follow === "function";
    requireOption(
      isBackplane,
      "backplane",
      backplane,
      "a backplane, such as redisBackplane() makes",
    );
    this.#host = host;
    this.log = backplane.follow(name, this);
    // Replays read what they can of the log, before it is known where it ends.
    host.onPosition(this.log, undefined);
  }

  onPosition(position: LogPosition): void {
    const isAnew = this.#position !== undefined;
    // Sessions that are here already may lack what others have appended meanwhile.
    if (isAnew || this.#isLate) this.#miss({ reason: "unknown", oldest: null });
    this.#isLate = false;
    this.#position = position;
    this.#host.onPosition(this.log, position.id === noEntry ? null : position.id);
  }

  onEntry(entry: NumberedEntry): void {
    const { number, id } = this.#position ?? { number: entry.number - 1, id: "" };
    if (entry.number !== number + 1) {
      this.#miss({ reason: "evicted", oldest: entry.id });
      this.#position = { id, number: entry.number - 1 };
    }
    try {
      this.#host.onEntry(entry);
    } catch (error) {
      if ((error as { code?: unknown } | null)?.code === "overloaded") throw error;
      warn(`a listener of an event of ${describe(entry.name)} threw`, error);
    }
    this.#position = entry;
  }

  onError(error: SseError): void {
    this.#isLate ||= this.#position === undefined;
    this.#host.onError(error);
  }

  sessionCount(): number {
    return this.#host.sessionCount;
  }

  #miss(gap: Gap): void {
    this.#host.onGap(gap);
    this.gaps += 1;
  }
}

/**
 * Why a client cannot simply go on from where it was.
 *
 * - `unknown`: the history does not know the id that the client got last.
 * - `evicted`: it does, but holds no more all that came after it.
 */
export type GapReason = "unknown" | "evicted";

/** What a client is told that lacks something, or may: the data of the event `gap`, which has no id. */
export interface Gap {
  reason: GapReason;
  /** The id of the first event that is held, of those that this client may have; null when there is none. */
  oldest: string | null;
}

/** The details of a channel's `gap`. */
export interface GapDetails extends Gap {
  /** The id that the client got last; null when it asked for all. */
  since: string | null;
}

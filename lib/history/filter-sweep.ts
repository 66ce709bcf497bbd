import { setTimeout } from "node:timers";

/**
 * Filters that are kept with events that get too old, though nobody asks for them: the engine lets go
 * of the events by itself, this of what JavaScript keeps with them. One timer for all.
 */
const rings = new Set<{ prune(): boolean }>();
const interval = 1000;
let isScheduled = false;

/** Prunes the ring from time to time, until it has no filters left. */
export function sweepLater(ring: { prune(): boolean }): void {
  rings.add(ring);
  if (isScheduled) return;
  isScheduled = true;
  setTimeout(sweep, interval).unref();
}

function sweep(): void {
  isScheduled = false;
  for (const ring of rings) {
    if (ring.prune()) sweepLater(ring);
    else rings.delete(ring);
  }
}

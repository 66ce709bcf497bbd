// What the processes of the chaos run agree on about generations.

/** Short, so that a loss is told of within the run; long beside the 2 s that Redis is away. */
export const leaseMs = 8000;

/**
 * How much later than the lease allows a watcher may have its end, in ms. One whose own server was killed
 * comes back after up to a second, and one that is ahead of the store is waited for, for two; the rest is
 * for a machine that is busy with other things as well.
 */
export const marginMs = 8000;

/** What part `number` of a generation says. */
export const partText = (number) => `${number} `;

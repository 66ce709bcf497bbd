import { Deadline } from "./limits.js";

/** How long something may be on its way here that a client has got from another process, in ms. */
const onItsWay = 2000;

interface Late {
  number: number;
  begin: () => void;
  deadline: Deadline;
}

/**
 * Watchers whose client has got an event, over another process, that this one has still to read from
 * the store. They begin when it is here; after a while, or at the end, all the same.
 */
export class Latecomers {
  readonly #waiting = new Set<Late>();

  /** @returns what takes it off, to be called when the client has gone */
  add(number: number, onBegin: () => void): () => void {
    const begin = () => {
      leave();
      onBegin();
    };
    const late: Late = { number, begin, deadline: new Deadline(onItsWay, begin) };
    const leave = () => {
      late.deadline.clear();
      this.#waiting.delete(late);
    };
    this.#waiting.add(late);
    return leave;
  }

  /** Lets those begin who wait for an event before `end`. */
  reached(end: number): void {
    for (const late of [...this.#waiting]) if (late.number < end) late.begin();
  }
}

/** Places among all ids of the process; see `autoOrder()`. */
export interface Range {
  from: number;
  to: number;
}

/**
 * Ranges in which a client may have got an event of another channel, or its session's own, before older ones
 * of this channel: while it was caught up on. Who comes back with such an id may lack those older ones.
 */
export class Unplaced {
  /** More than this many become fewer that cover more. */
  static readonly most = 64;
  readonly #ranges: Range[] = [];

  add(from: number, to: number): void {
    this.#ranges.push({ from, to });
    if (this.#ranges.length <= Unplaced.most) return;
    const [first, second] = this.#ranges.splice(0, 2) as [Range, Range];
    this.#ranges.unshift({
      from: Math.min(first.from, second.from),
      to: Math.max(first.to, second.to),
    });
  }

  has(place: number): boolean {
    return this.#ranges.some(({ from, to }) => from <= place && place <= to);
  }
}

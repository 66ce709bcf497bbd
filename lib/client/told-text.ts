/**
 * Text that comes in pieces, and may be told again from its start: what was shown before is not shown
 * twice.
 */
export class ToldText {
  /** What was shown. */
  shown = "";
  /** How much of it was told since it last began. */
  #told = 0;

  /** It is told from its start now. */
  restart(): void {
    this.#told = 0;
  }

  /**
   * Returns what is to be shown of the next piece; `undefined` if it is another text than before, and
   * `shown` is that now, as far as it was told.
   */
  add(piece: string): string | undefined {
    const { shown } = this;
    const known = shown.slice(this.#told, this.#told + piece.length);
    if (!piece.startsWith(known)) {
      this.shown = shown.slice(0, this.#told) + piece;
      this.#told = this.shown.length;
      return undefined;
    }
    this.#told += piece.length;
    const more = piece.slice(known.length);
    this.shown += more;
    return more;
  }
}

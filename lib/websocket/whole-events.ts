const lineFeed = 10;
const blankLine = "\n\n";

/**
 * Cuts what the engine hands out, in pieces of any size, where events end: its lines end with LF, and
 * an event with an empty line.
 */
export class WholeEvents {
  /** The beginning of an event whose end has not come. */
  #rest: Buffer[] = [];
  #restBytes = 0;

  /** How many bytes of an event wait here for its end. */
  get waiting(): number {
    return this.#restBytes;
  }

  /** The events that `bytes` make whole, if any. Takes time in proportion to `bytes`. */
  push(bytes: Buffer): Buffer | undefined {
    const end = this.#endIn(bytes);
    if (end === bytes.length && this.#restBytes === 0) return bytes;
    if (end === 0) {
      this.#keep(bytes);
      return undefined;
    }
    const whole = Buffer.concat([...this.#rest, bytes.subarray(0, end)]);
    this.#rest = [];
    this.#restBytes = 0;
    if (end < bytes.length) this.#keep(bytes.subarray(end));
    return whole;
  }

  /** Where the last event ends; 0 where none does. */
  #endIn(bytes: Buffer): number {
    const at = bytes.lastIndexOf(blankLine);
    if (at !== -1) return at + blankLine.length;
    const isSplit = bytes[0] === lineFeed && this.#rest.at(-1)?.at(-1) === lineFeed;
    return isSplit ? 1 : 0;
  }

  #keep(bytes: Buffer): void {
    this.#rest.push(bytes);
    this.#restBytes += bytes.length;
  }
}

/** Called once: without an error when what is waited for has come about, else with why it will not. */
export type Settle = (error?: Error) => void;

/** Those who wait for the same. */
export class Waiters {
  #waiting: Settle[] = [];

  get size(): number {
    return this.#waiting.length;
  }

  add(settle: Settle): void {
    this.#waiting.push(settle);
  }

  /** Resolves the first `count` of those that wait now, in the order in which they came. */
  resolve(count = this.size): void {
    for (const settle of this.#waiting.splice(0, count)) settle();
  }

  /** Rejects all that wait now. */
  reject(error: Error): void {
    for (const settle of this.#waiting.splice(0)) settle(error);
  }
}

/** Called once: without an error when what is waited for has come about, else with why it will not. */
export type Settle = (error?: Error) => void;

/** Those who wait for the same, and are told together. */
export class Waiters {
  // In objects: the same function may wait twice.
  readonly #waiting = new Set<{ readonly settle: Settle; isTold: boolean }>();

  get size(): number {
    return this.#waiting.size;
  }

  add(settle: Settle): void {
    this.#waiting.add({ settle, isTold: false });
  }

  /** What resolves the next `count` of those that wait, in the order in which they came. */
  resolver(count: number): () => void {
    const waiters = [...this.#waiting].filter(({ isTold }) => !isTold).slice(0, count);
    for (const waiter of waiters) waiter.isTold = true;
    return () => {
      for (const waiter of waiters) if (this.#waiting.delete(waiter)) waiter.settle();
    };
  }

  /** Resolves all that wait now. */
  resolve(): void {
    this.#settle();
  }

  /** Rejects all that wait now. */
  reject(error: Error): void {
    this.#settle(error);
  }

  #settle(error?: Error): void {
    const waiters = [...this.#waiting];
    this.#waiting.clear();
    for (const { settle } of waiters) settle(error);
  }
}

/** Beyond so many that wait for their reader, tokens are joined. */
const maxWaiting = 1000;

/** The tokens of one answer, for one `for await`. */
export class TokenReader implements AsyncIterableIterator<string> {
  readonly #onReturn: (reader: TokenReader) => void;
  readonly #waiting: string[] = [];
  #ended = false;
  #error: unknown;
  #wakes: (() => void)[] = [];

  /** @param onReturn called when nobody reads any more */
  constructor(onReturn: (reader: TokenReader) => void) {
    this.#onReturn = onReturn;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  push(token: string): void {
    const last = this.#waiting.length - 1;
    if (last + 1 < maxWaiting) this.#waiting.push(token);
    else this.#waiting[last] += token;
    this.#wake();
  }

  /** @param error thrown at the reader once it has the tokens */
  end(error?: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    this.#wake();
  }

  async next(): Promise<IteratorResult<string>> {
    while (this.#waiting.length === 0 && !this.#ended) {
      await new Promise<void>((resolve) => {
        this.#wakes.push(resolve);
      });
    }
    const value = this.#waiting.shift();
    if (value !== undefined) return { done: false, value };
    const error = this.#error;
    this.#error = undefined;
    if (error !== undefined) throw error;
    return { done: true, value: undefined };
  }

  async return(): Promise<IteratorResult<string>> {
    this.#waiting.length = 0;
    this.end();
    this.#onReturn(this);
    return { done: true, value: undefined };
  }

  #wake(): void {
    const wakes = this.#wakes;
    this.#wakes = [];
    for (const wake of wakes) wake();
  }
}

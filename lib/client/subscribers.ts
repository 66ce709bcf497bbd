type Listener<Args extends unknown[]> = (...args: Args) => void;

/** What loops wait for. */
export class News {
  readonly #waiting: (() => void)[] = [];

  next(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  tell(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

/** Those who listen to a stream, and the loops over it, each with what waits for it. */
export class Subscribers<Message> {
  readonly #listeners = new Set<Listener<[Message]>>();
  readonly #loops = new Set<Message[]>();
  readonly #news = new News();
  #ended = false;
  #error: Error | undefined;

  add(listener: Listener<[Message]>): () => void {
    const off = listen(this.#listeners, listener);
    this.#news.tell();
    return off;
  }

  put(message: Message): void {
    tell(this.#listeners, message);
    // A listener may have closed the stream.
    if (this.#ended) return;
    for (const waiting of this.#loops) waiting.push(message);
    this.#news.tell();
  }

  /** Resolves when somebody is there, and no loop is `highWaterMark` behind; or at the end. */
  async room(highWaterMark: number): Promise<void> {
    while (
      !this.#ended &&
      (this.#isEmpty() || [...this.#loops].some(({ length }) => length >= highWaterMark))
    ) {
      await this.#news.next();
    }
  }

  /** @param onEmpty called when the loop was the last of all that were there */
  async *loop(onEmpty: () => void): AsyncGenerator<Message, undefined> {
    const waiting: Message[] = [];
    this.#loops.add(waiting);
    this.#news.tell();
    try {
      for (;;) {
        const message = waiting.shift();
        if (message !== undefined) {
          this.#news.tell();
          yield message;
        } else if (!this.#ended) await this.#news.next();
        else if (this.#error) throw this.#error;
        else return;
      }
    } finally {
      this.#loops.delete(waiting);
      this.#news.tell();
      if (this.#isEmpty()) onEmpty();
    }
  }

  /** Loops end, or fail, after what waits for them, unless that is to be dropped. */
  end(error: Error | undefined, drop: boolean): void {
    this.#ended = true;
    this.#error = error;
    this.#listeners.clear();
    if (drop) for (const waiting of this.#loops) waiting.length = 0;
    this.#news.tell();
  }

  #isEmpty(): boolean {
    return this.#loops.size + this.#listeners.size === 0;
  }
}

/** Adds a listener, as one of its own even if the same was added before; what is returned takes it off. */
export function listen<Args extends unknown[]>(
  listeners: Set<Listener<Args>>,
  given: Listener<Args>,
): () => void {
  const listener: Listener<Args> = (...args) => given(...args);
  listeners.add(listener);
  return () => void listeners.delete(listener);
}

/** Calls those listeners that are there now and not taken off by an earlier one. */
export function tell<Args extends unknown[]>(listeners: Set<Listener<Args>>, ...args: Args): void {
  for (const listener of [...listeners]) {
    try {
      if (listeners.has(listener)) listener(...args);
    } catch (error) {
      report(error);
    }
  }
}

/** An error that has no caller to throw to. Node has no `reportError`. */
export function report(error: unknown): void {
  (globalThis.reportError ?? console.error)(error);
}

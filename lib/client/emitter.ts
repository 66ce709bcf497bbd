type Listener = (...args: never[]) => void;

/**
 * Listeners by event, each with its arguments' types. All listeners see all events in the same order,
 * also when one of them causes the next event.
 */
export class Emitter<Events extends { [Name in keyof Events]: unknown[] }> {
  /** Replaced, never changed: a listener that comes or goes while others are called matters later. */
  readonly #listeners = new Map<keyof Events, readonly Listener[]>();
  readonly #due: (() => void)[] = [];
  #isHeld = false;

  /** Returns what takes the listener off again. */
  on<Name extends keyof Events>(
    event: Name,
    listener: (...args: Events[Name]) => void,
  ): () => void {
    // A function that listens twice is two listeners.
    const own: Listener = (...args) => listener(...(args as unknown as Events[Name]));
    this.#listeners.set(event, [...this.#of(event), own]);
    return () => {
      const rest = this.#of(event).filter((one) => one !== own);
      this.#listeners.set(event, rest);
    };
  }

  has(event: keyof Events): boolean {
    return this.#of(event).length > 0;
  }

  /** Calls the listeners, or has them called once those of an earlier event have been. */
  emit<Name extends keyof Events>(event: Name, ...args: Events[Name]): void {
    this.#due.push(() => this.#call(event, args));
    this.#run();
  }

  /** What `emit` emits is told after `emit` has returned, in one go: no listener gets in between. */
  together(emit: () => void): void {
    const wasHeld = this.#isHeld;
    this.#isHeld = true;
    emit();
    this.#isHeld = wasHeld;
    this.#run();
  }

  #run(): void {
    if (this.#isHeld) return;
    this.#isHeld = true;
    for (let call = this.#due.shift(); call; call = this.#due.shift()) call();
    this.#isHeld = false;
  }

  /** What a listener throws is reported, and keeps nobody from being told. */
  #call(event: keyof Events, args: unknown[]): void {
    for (const listener of this.#of(event)) {
      try {
        listener(...(args as never[]));
      } catch (error) {
        console.error(`stream-llm: a listener of "${String(event)}" threw:`, error);
      }
    }
  }

  #of(event: keyof Events): readonly Listener[] {
    return this.#listeners.get(event) ?? [];
  }
}

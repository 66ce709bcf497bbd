import { maxTimeout } from "./retry.js";

/** What may be under way to a page that was frozen, or a machine that slept, gets so long to come, in ms. */
const grace = 3000;
/** A timer that is so much too late, or early, says that time stood still, in ms. */
const leap = 1000;

/**
 * Tells when nothing was heard for `ms`. The time that counts is the clock's, which goes on while a
 * machine sleeps.
 */
export class Silence {
  readonly #ms: number;
  readonly #onSilence: () => void;
  /** When something was heard last; `Infinity` while nobody listens. */
  #heard = 0;
  #due = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param ms 0 means never */
  constructor(ms: number, onSilence: () => void) {
    this.#ms = ms;
    this.#onSilence = onSilence;
  }

  /** From now on something should be heard. */
  listen(): void {
    this.#heard = Date.now();
    if (this.#timer === undefined && this.#ms > 0) this.#arm(this.#ms);
  }

  /** Nobody listens. The timer stays, as there will be more to listen to soon. */
  pause(): void {
    this.#heard = Number.POSITIVE_INFINITY;
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** By the timer, or when time may have stood still. */
  readonly check = (): void => {
    if (this.#timer === undefined) return;
    this.end();
    const now = Date.now();
    const left = this.#heard + this.#ms - now;
    if (left > 0) this.#arm(left);
    else if (Math.abs(now - this.#due) > leap) this.#arm(grace);
    else this.#onSilence();
  };

  #arm(ms: number): void {
    const wait = Math.min(ms, this.#ms, maxTimeout);
    this.#due = Date.now() + wait;
    this.#timer = setTimeout(this.check, wait);
  }
}

import { SseError } from "../errors.js";
import { maxTimeout } from "./retry.js";

/** What may be under way to a page that was frozen, or a machine that slept, gets so long to come, in ms. */
const grace = 3000;
/** A timer that is so much too late, or early, says that time stood still, in ms. */
const leap = 1000;

/**
 * Tells when a connection is not to be relied on any more: nothing was heard for `ms`, or the page was
 * frozen. The time that counts is the clock's, which goes on while a machine sleeps.
 */
export class Silence {
  readonly #ms: number;
  readonly #onSilence: (error: SseError) => void;
  #isOn = false;
  /** When something was heard last; `Infinity` while nobody listens. */
  #heard = 0;
  #due = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param ms 0 means never */
  constructor(ms: number, onSilence: (error: SseError) => void) {
    this.#ms = ms || Number.POSITIVE_INFINITY;
    this.#onSilence = onSilence;
  }

  /** From now on something should be heard. */
  listen(): void {
    this.#heard = Date.now();
    if (this.#isOn) return;
    this.#isOn = true;
    this.#eachPageEvent("addEventListener");
    this.#arm(this.#ms);
  }

  /** Nobody listens. The timer stays, as there will be more to listen to soon. */
  pause(): void {
    this.#heard = Number.POSITIVE_INFINITY;
  }

  end(): void {
    this.#isOn = false;
    this.#eachPageEvent("removeEventListener");
    clearTimeout(this.#timer);
  }

  #eachPageEvent(method: "addEventListener" | "removeEventListener"): void {
    for (const name of ["visibilitychange", "resume"]) {
      globalThis.document?.[method](name, this.#check);
    }
  }

  /** By the timer, or when time may have stood still. */
  readonly #check = (event?: Event): void => {
    const now = Date.now();
    const left = this.#heard + this.#ms - now;
    if (event?.type === "resume") {
      // Chromium never delivers what came to a frozen page over fetch, nor anything that follows it.
      this.#onSilence(new SseError("connection-error", "the page was frozen."));
    } else if (left > 0) this.#arm(left);
    else if (Math.abs(now - this.#due) > leap) this.#arm(grace);
    else {
      const message = `nothing came from the server for ${this.#ms} ms.`;
      this.#onSilence(new SseError("idle-timeout", message));
    }
  };

  #arm(ms: number): void {
    clearTimeout(this.#timer);
    if (this.#ms === Number.POSITIVE_INFINITY) return;
    const wait = Math.min(ms, this.#ms, maxTimeout);
    this.#due = Date.now() + wait;
    this.#timer = setTimeout(this.#check, wait);
  }
}

import { SseError } from "../errors.js";
import { maxTimeout } from "./retry.js";

export interface Silence {
  /** When something was heard last, in ms since 1970; `Infinity` while nobody listens. */
  heard: number;
  end(): void;
}

/**
 * Aborts a request that is not to be relied on any more: nothing was heard for `ms`, or the page was
 * frozen. The time that counts is the clock's, which goes on while a machine sleeps.
 *
 * @param ms 0 means never
 * @param stop when it is aborted, all is over
 */
export function watchSilence(ms: number, stop: AbortController): Silence {
  let timer: ReturnType<typeof setTimeout> | undefined;

  /** By the timer, or when time may have stood still. */
  const check = (event?: Event) => {
    clearTimeout(timer);
    const left = silence.heard + (ms || Number.POSITIVE_INFINITY) - Date.now();
    // Chromium never delivers what came to a frozen page over fetch, nor anything that follows it.
    if (event?.type === "resume" || left <= 0) {
      const why = `the server was silent for ${ms} ms, or the page was frozen.`;
      stop.abort(new SseError("idle-timeout", why));
    } else if (ms) timer = setTimeout(check, Math.min(left, ms, maxTimeout));
  };

  const eachPageEvent = (method: "addEventListener" | "removeEventListener") => {
    for (const name of ["visibilitychange", "resume"]) globalThis.document?.[method](name, check);
  };

  const silence = {
    heard: Date.now(),
    end() {
      eachPageEvent("removeEventListener");
      clearTimeout(timer);
    },
  };
  stop.signal.onabort = silence.end;
  eachPageEvent("addEventListener");
  check();
  return silence;
}

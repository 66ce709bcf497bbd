import { setTimeout as sleep } from "node:timers/promises";

/** Tokens of 6 characters, about so many in a second. */
export async function* provider(tokens, perSecond) {
  const begun = performance.now();
  for (let n = 0; n < tokens; n++) {
    const due = begun + (n * 1000) / perSecond;
    const early = due - performance.now();
    if (early > 0) await sleep(early);
    yield String(n).padStart(5, "0").padEnd(6);
  }
}

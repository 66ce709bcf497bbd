/**
 * Measures one answer in the reader's browser: time to the first token, then tokens per second. Of an answer that is
 * `resumed`, what came before the reload comes again in one event: how long it took, and how much it was, is unknown.
 */
export function createMeter(resumed) {
  const askedAt = performance.now();
  let firstAt;
  let lastAt;
  let tokens = 0;
  let reported;

  return {
    countToken() {
      lastAt = performance.now();
      firstAt ??= lastAt;
      tokens++;
    },
    /** The provider's own count, which is exact where one event carries several tokens. */
    report(completionTokens) {
      if (completionTokens > 0) reported = completionTokens;
    },
    get tokens() {
      return reported ?? tokens;
    },
    toString() {
      if (firstAt === undefined) return "";
      const since = resumed ? tokens : this.tokens;
      const seconds = (lastAt - firstAt) / 1000;
      const parts = [];
      if (!resumed) parts.push(`${Math.round(firstAt - askedAt)} ms to first token`);
      if (seconds > 0.25) parts.push(`${((since - 1) / seconds).toFixed(1)} tokens/s`);
      if (!resumed || reported) parts.push(`${this.tokens} token${this.tokens === 1 ? "" : "s"}`);
      // Narrow screens may break the line between figures, not inside one.
      return parts.map((part) => part.replaceAll(" ", "\u00a0")).join(" · ");
    },
  };
}

/** Measures one answer in the reader's browser: time to the first token, then tokens per second. */
export function createMeter() {
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
      const parts = [`${Math.round(firstAt - askedAt)} ms to first token`];
      if (lastAt - firstAt > 250)
        parts.push(`${((this.tokens - 1) / ((lastAt - firstAt) / 1000)).toFixed(1)} tokens/s`);
      parts.push(`${this.tokens} token${this.tokens === 1 ? "" : "s"}`);
      // Narrow screens may break the line between figures, not inside one.
      return parts.map((part) => part.replaceAll(" ", "\u00a0")).join(" · ");
    },
  };
}

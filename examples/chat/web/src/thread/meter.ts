import type { Figures } from "../../../types/conversation.ts";

/** Measures an answer where it is read, for as long as the server has not told its own figures. */
export class Meter {
  #askedAt: number | undefined;
  #firstAt: number | undefined;
  #lastAt = 0;
  #tokens = 0;

  /** A question was sent. */
  ask(): void {
    this.#askedAt = performance.now();
    this.#firstAt = undefined;
    this.#tokens = 0;
  }

  /** Of an answer that was resumed, the first one stands for all that came before. */
  countToken(): void {
    this.#lastAt = performance.now();
    this.#firstAt ??= this.#lastAt;
    this.#tokens++;
  }

  get figures(): Figures {
    if (this.#firstAt === undefined) return {};
    const seconds = (this.#lastAt - this.#firstAt) / 1000;
    return {
      ...(this.#askedAt !== undefined && {
        timeToFirstToken: this.#firstAt - this.#askedAt,
        outputTokens: this.#tokens,
      }),
      ...(seconds > 0.25 && { tokensPerSecond: (this.#tokens - 1) / seconds }),
    };
  }
}

const dollars = (cost: number) => (cost < 0.01 ? `$${cost.toPrecision(2)}` : `$${cost.toFixed(2)}`);

/** The figures that are known, in words; a narrow screen may break the line between them, not inside one. */
export function describeFigures(figures: Figures, provider = ""): string[] {
  const { timeToFirstToken, tokensPerSecond, outputTokens, cost } = figures;
  const told: string[] = [];
  if (timeToFirstToken !== undefined)
    told.push(`${Math.round(timeToFirstToken)} ms to first token`);
  if (tokensPerSecond !== undefined) told.push(`${tokensPerSecond.toFixed(1)} tokens/s`);
  if (outputTokens !== undefined)
    told.push(`${outputTokens} token${outputTokens === 1 ? "" : "s"}`);
  if (cost !== undefined) told.push(dollars(cost));
  if (provider) told.push(provider);
  return told.map((figure) => figure.replaceAll(" ", "\u00a0"));
}

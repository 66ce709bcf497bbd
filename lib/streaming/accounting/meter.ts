import { requireOption, warn } from "../../errors.js";
import { isTerminal, type Part, type StartPart, type TerminalPart, type Usage } from "../parts.js";
import { checkPrices, costOf, type PriceTable } from "./cost.js";
import { type Count, loadTokenizer, type Prompt, promptTokens, Sample } from "./estimate.js";
import type { MeteredUsage, Report, Timings } from "./report.js";

/** What happens with the figures of a run. Whatever a hook throws becomes a process warning. */
export interface AccountingOptions {
  /** What the models cost. Defaults to nothing, and reports have no cost. */
  prices?: PriceTable | undefined;
  /**
   * What the model is asked. Only used to estimate the input of a run whose provider reports no
   * usage, which is unknown without.
   */
  prompt?: Prompt | undefined;
  /**
   * Called once, at the end of a run, with its usage: as the provider reported it, else estimated
   * when `gpt-tokenizer` is installed; not called when there is neither.
   */
  onUsage?: ((usage: MeteredUsage, report: Report) => unknown) | undefined;
  /** Called once, when the run has finished, failed or was aborted; after `onUsage`. */
  onFinish?: ((report: Report) => unknown) | undefined;
}

export interface MeterOptions extends AccountingOptions {
  /** The model that is asked, for when the provider does not name it. */
  model?: string | undefined;
  /** Ms that never go back. Defaults to `performance.now`. */
  clock?: (() => number) | undefined;
}

/** Takes the figures of one run of a model, which starts when the meter is created. */
export interface Meter {
  /** Takes the next part; O(1). The terminal part finishes the run, and later ones are ignored. */
  part(part: Part): void;
  /**
   * The last report, after which the hooks have been called. A run that is under way ends here, as
   * aborted. Never rejects; the same promise for every call.
   */
  finish(): Promise<Report>;
  /** The run as far as it has come. */
  readonly report: Report;
}

interface Metered {
  usage: MeteredUsage | undefined;
  estimated: boolean;
}

const statuses = { finish: "finished", error: "failed", abort: "aborted" } as const;

/**
 * Meters one run: give it every part, in order, from its start.
 *
 * The provider's usage counts. Where it is missing (the run was stopped or cut, or the provider
 * was not asked for it), text, streamed reasoning and tool calls are counted with the optional
 * peer dependency `gpt-tokenizer`, in the encoding of OpenAI's models whatever the model: the
 * first 65 536 characters, the rest in proportion. Nothing is estimated without that package, nor
 * for a run that ended before the provider's first chunk.
 *
 * @throws {SseError} `invalid-option`
 */
export function createMeter(options: MeterOptions = {}): Meter {
  const { model, prompt = "", prices, onUsage, onFinish, clock } = options;
  const isPrompt = typeof prompt === "string" || Array.isArray(prompt);
  requireOption(model === undefined || typeof model === "string", "model", model, "a string");
  requireOption(isPrompt, "prompt", prompt, "a string or an array of messages");
  for (const [name, hook] of Object.entries({ onUsage, onFinish, clock })) {
    requireOption(hook === undefined || typeof hook === "function", name, hook, "a function");
  }
  if (prices !== undefined) checkPrices(prices);
  return new RunMeter(options);
}

class RunMeter implements Meter {
  readonly #options: MeterOptions;
  readonly #clock: () => number;
  readonly #startedAt = Date.now();
  readonly #started: number;
  readonly #output = new Sample();
  #contentParts = 0;
  #streamsReasoning = false;
  #firstAt: number | undefined;
  #endedAt: number | undefined;
  #start: StartPart | undefined;
  #terminal: TerminalPart | undefined;
  #reported: Partial<Usage> = {};
  #metered: Metered | undefined;
  #finished: Promise<Report> | undefined;

  constructor(options: MeterOptions) {
    this.#options = options;
    this.#clock = options.clock ?? (() => performance.now());
    this.#started = this.#clock();
  }

  part(part: Part): void {
    if (this.#finished) return;
    if (part.type === "start") this.#start ??= part;
    else if (part.type === "usage") this.#reported = countsOf(part.usage);
    else if (isTerminal(part)) {
      this.#terminal = part;
      void this.finish();
    } else this.#content(part);
  }

  finish(): Promise<Report> {
    this.#endedAt ??= this.#clock();
    this.#finished ??= this.#finish();
    return this.#finished;
  }

  get report(): Report {
    const { usage, estimated } = this.#metered ?? {
      usage: reportedBy(this.#reported),
      estimated: false,
    };
    const model = this.#start?.model;
    const { prices, model: asked } = this.#options;
    const { type: end } = this.#terminal ?? { type: "abort" };
    return {
      model: model ?? asked,
      status: this.#finished ? statuses[end] : "running",
      finishReason: this.#terminal?.type === "finish" ? this.#terminal.reason : undefined,
      error: this.#terminal?.type === "error" ? this.#terminal : undefined,
      usage,
      estimated,
      timings: this.#timings(usage),
      cost: prices && usage && costOf(prices, [model, asked], usage),
    };
  }

  #content(part: Part): void {
    const text: unknown = outputOf(part);
    if (typeof text !== "string") return;
    this.#firstAt ??= this.#clock();
    this.#contentParts++;
    if (part.type === "reasoning") this.#streamsReasoning = true;
    this.#output.add(text);
  }

  async #finish(): Promise<Report> {
    this.#metered = await this.#meter();
    const { report } = this;
    const { onUsage, onFinish } = this.#options;
    if (report.usage) call("onUsage", onUsage, report.usage, report);
    call("onFinish", onFinish, report);
    return report;
  }

  async #meter(): Promise<Metered> {
    const usage = reportedBy(this.#reported);
    // What Anthropic says at the start of a message has the output's first token only.
    const provisional = this.#start?.format === "anthropic" && this.#terminal?.type !== "finish";
    const begun = this.#start !== undefined || this.#contentParts > 0;
    if ((usage && !provisional) || !begun) return { usage, estimated: false };
    try {
      const count = await loadTokenizer();
      if (count) return { usage: this.#estimate(count), estimated: true };
    } catch (error) {
      warn("the usage of a run could not be estimated", error);
    }
    return { usage, estimated: usage !== undefined };
  }

  #estimate(count: Count): MeteredUsage {
    const { prompt } = this.#options;
    const reported = this.#reported;
    const inputTokens =
      reported.inputTokens ?? (prompt === undefined ? undefined : promptTokens(prompt, count));
    const outputTokens = Math.max(reported.outputTokens ?? 0, this.#output.tokens(count));
    const totalTokens = inputTokens === undefined ? undefined : inputTokens + outputTokens;
    return { ...reported, inputTokens, outputTokens, totalTokens };
  }

  #timings(usage: MeteredUsage | undefined): Timings {
    const total = (this.#endedAt ?? this.#clock()) - this.#started;
    const timeToFirstToken =
      this.#firstAt === undefined ? undefined : this.#firstAt - this.#started;
    const hidden = this.#streamsReasoning ? 0 : (usage?.reasoningTokens ?? 0);
    const seconds = (total - (timeToFirstToken ?? total)) / 1000;
    const known = usage && this.#endedAt !== undefined && this.#contentParts > 1 && seconds > 0;
    const tokensPerSecond = known ? Math.max(0, usage.outputTokens - hidden) / seconds : undefined;
    return { startedAt: this.#startedAt, timeToFirstToken, total, tokensPerSecond };
  }
}

/** What the model wrote in a part: what providers count as output, reasoning and tool calls too. */
function outputOf(part: Part): string | undefined {
  switch (part.type) {
    case "text":
    case "reasoning":
    case "refusal":
      return part.text;
    case "tool-call-start":
      return part.name;
    case "tool-call-delta":
      return part.delta;
    default:
      return undefined;
  }
}

function countOf(value: unknown): number | undefined {
  return Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : undefined;
}

/** Those figures of a provider that can be numbers of tokens. */
function countsOf(usage: unknown): Partial<Usage> {
  const given = Object(usage) as { [Name in keyof Usage]: unknown };
  const counts = {
    inputTokens: countOf(given.inputTokens),
    outputTokens: countOf(given.outputTokens),
    totalTokens: countOf(given.totalTokens),
    reasoningTokens: countOf(given.reasoningTokens),
    cachedInputTokens: countOf(given.cachedInputTokens),
    cacheWriteTokens: countOf(given.cacheWriteTokens),
  };
  return { ...counts, raw: given.raw };
}

function reportedBy(counts: Partial<Usage>): MeteredUsage | undefined {
  const { inputTokens, outputTokens } = counts;
  if (inputTokens === undefined || outputTokens === undefined) return undefined;
  const totalTokens = counts.totalTokens ?? inputTokens + outputTokens;
  return { ...counts, inputTokens, outputTokens, totalTokens };
}

/** Calls a hook that nobody waits for. */
function call<Args extends unknown[]>(
  name: string,
  hook: ((...args: Args) => unknown) | undefined,
  ...args: Args
): void {
  if (!hook) return;
  new Promise((resolve) => resolve(hook(...args))).catch((error) => warn(`${name} failed`, error));
}

import type { PartReader, ReaderOptions } from "../adapters/reader.js";
import { readParts } from "../adapters/readers.js";
import type { ProviderSource } from "../adapters/source.js";
import { type AccountingOptions, createMeter, type Meter } from "./accounting/index.js";
import { Answer, type AnswerOptions } from "./answer.js";
import type { AbortPart, ErrorPart, FinishReason, Part } from "./parts.js";
import { tellUnheard } from "./unheard.js";

/** With `onUsage` or `onFinish`, the run is metered from the call on. */
export interface PipeOptions extends ReaderOptions, AnswerOptions, AccountingOptions {}

/** For how long who has got a failed answer may do something else before looking at how it ended, in ms. */
const patience = 1000;

function ignore(): void {}

function meterFor({ prices, prompt, onUsage, onFinish }: PipeOptions): Meter | undefined {
  if (onUsage === undefined && onFinish === undefined) return undefined;
  return createMeter({ prices, prompt, onUsage, onFinish });
}

/** Knows whether somebody has looked at how it ended. */
class ReturnedAnswer extends Answer {
  #isHeard = false;

  override get error(): ErrorPart | undefined {
    this.#isHeard = true;
    return super.error;
  }

  override get aborted(): AbortPart | undefined {
    this.#isHeard = true;
    return super.aborted;
  }

  override get finishReason(): FinishReason | undefined {
    this.#isHeard = true;
    return super.finishReason;
  }

  /** Tells of a failure, if nobody looks in time. */
  tellUnheard(): void {
    const { terminal } = this;
    if (terminal?.type !== "error" || this.#isHeard) return;
    const remedy =
      "Look at the `error` of the answer that pipe() resolves with, or pass `onFinish`.";
    setTimeout(() => {
      if (!this.#isHeard) tellUnheard("the source of pipe()", terminal, remedy);
    }, patience).unref();
  }
}

/** A provider's answer while it is read. */
export class PipedAnswer {
  readonly answer: ReturnedAnswer;
  readonly reader: PartReader;
  readonly #meter: Meter | undefined;
  readonly #hasListener: boolean;

  /**
   * @param signal Stops the source, as that of the options does.
   * @throws {SseError} `invalid-argument` for a source that cannot be read, `invalid-option`
   */
  constructor(source: ProviderSource, options: PipeOptions, signal: AbortSignal) {
    this.answer = new ReturnedAnswer(options);
    this.#meter = meterFor(options);
    this.#hasListener = options.onFinish !== undefined;
    const both = options.signal ? AbortSignal.any([signal, options.signal]) : signal;
    this.reader = readParts(source, { ...options, signal: both });
    // It may fail long before it is read, which tells then.
    if (typeof (source as { then?: unknown }).then === "function") {
      Promise.resolve(source).catch(ignore);
    }
  }

  take(part: Part): void {
    this.answer.add(part);
    this.#meter?.part(part);
  }

  finish(): void {
    void this.#meter?.finish();
  }

  /** Its caller has the answer now. */
  returned(): void {
    if (!this.#hasListener) this.answer.tellUnheard();
  }
}

import type { PartReader, ReaderOptions } from "../adapters/reader.js";
import { readParts } from "../adapters/readers.js";
import type { ProviderSource } from "../adapters/source.js";
import { type AccountingOptions, createMeter, type Meter } from "./accounting/index.js";
import { Answer, type AnswerOptions } from "./answer.js";
import type { Part } from "./parts.js";

/** With `onUsage` or `onFinish`, the run is metered from the call on. */
export interface PipeOptions extends ReaderOptions, AnswerOptions, AccountingOptions {}

function ignore(): void {}

function meterFor({ prices, prompt, onUsage, onFinish }: PipeOptions): Meter | undefined {
  if (onUsage === undefined && onFinish === undefined) return undefined;
  return createMeter({ prices, prompt, onUsage, onFinish });
}

/** A provider's answer while it is read. */
export class PipedAnswer {
  readonly answer: Answer;
  readonly reader: PartReader;
  readonly #meter: Meter | undefined;

  /**
   * @param signal Stops the source, as that of the options does.
   * @throws {SseError} `invalid-argument` for a source that cannot be read, `invalid-option`
   */
  constructor(source: ProviderSource, options: PipeOptions, signal: AbortSignal) {
    this.answer = new Answer(options);
    this.#meter = meterFor(options);
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
}

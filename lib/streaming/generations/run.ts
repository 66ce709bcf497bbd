import { setImmediate as nextTurn } from "node:timers/promises";
import { type ProviderSource, readParts } from "../../adapters/index.js";
import type { Meter } from "../accounting/index.js";
import {
  type AnswerErrorCode,
  type ErrorPart,
  isTerminal,
  type Part,
  type StartPart,
  type TerminalPart,
} from "../parts.js";
import type { Fanout } from "./fanout.js";
import { Deadline, type Limits } from "./limits.js";
import { partSize } from "./part-size.js";
import { type BatchOptions, Recorder } from "./recorder.js";
import { type GenerationState, stateOf } from "./state.js";
import { type GenerationLease, type GenerationProducer, producerLost } from "./store.js";

/** Asks the provider. `signal` aborts when the generation ends before the answer does. */
export type GenerationSource = (context: { signal: AbortSignal }) => ProviderSource;

export interface RunOptions extends BatchOptions {
  limits: Limits;
  /** Of each call of the store, in ms. */
  storeTimeout: number;
  /** In ms; Infinity for never. */
  stopWhenUnwatched: number;
}

/** After so many parts without a pause, timers and other work have their turn. */
const partsPerTurn = 256;

function failure(code: AnswerErrorCode, message: string, retryable = false): ErrorPart {
  return { type: "error", code, message, retryable };
}

/** A generation whose provider is read here: from the provider to the watchers and the store. */
export class Run implements GenerationProducer {
  readonly fanout: Fanout;
  /** Rejects when the store did not give the id to this run. */
  claimed: Promise<void> = Promise.resolve();
  /** Whether the store has failed, so that only this process knows the answer. */
  keptHere = false;
  /** Whether there is nothing left to do. */
  isDone = false;
  /** Resolves when the store has the terminal part, or has failed. */
  readonly over: Promise<void>;
  /** Resolves after `over`, when the figures are known as well. */
  readonly finished: Promise<GenerationState>;
  readonly #source: GenerationSource;
  readonly #options: RunOptions;
  readonly #meter: Meter;
  readonly #abort = new AbortController();
  #recorder: Recorder | undefined;
  #idle: Deadline | undefined;
  #unwatched: Deadline | undefined;
  /** How it ends, whatever the provider says from here on. */
  #ending: TerminalPart | undefined;
  #bytes = 0;
  #resolveOver = (): void => {};
  #resolveFinished: (state: GenerationState) => void = () => {};

  constructor(fanout: Fanout, source: GenerationSource, meter: Meter, options: RunOptions) {
    this.fanout = fanout;
    this.#source = source;
    this.#meter = meter;
    this.#options = options;
    this.over = new Promise((resolve) => {
      this.#resolveOver = resolve;
    });
    this.finished = new Promise((resolve) => {
      this.#resolveFinished = resolve;
    });
  }

  get state(): GenerationState {
    return stateOf(this.fanout.info, this.fanout.answer, this.#meter.report);
  }

  /** Ends the generation, unless it has an end. Returns whether that is its doing. */
  stop(reason = "stopped"): boolean {
    return this.#end({ type: "abort", reason });
  }

  lost(): void {
    this.#end(producerLost);
  }

  /** To be told when watchers come or go. */
  watched(count: number): void {
    this.#unwatched?.clear();
    if (count > 0 || this.fanout.ended) return;
    this.#unwatched = new Deadline(this.#options.stopWhenUnwatched, () => this.stop("unwatched"));
  }

  async isClaimed(): Promise<boolean> {
    return this.claimed.then(
      () => true,
      () => false,
    );
  }

  /** Reads the provider to its end. Never rejects. */
  async produce(lease: GenerationLease): Promise<void> {
    const { limits, batchMs, batchBytes, storeTimeout: timeout } = this.#options;
    const onFailure = (error: unknown) =>
      this.#end({ ...failure("store-error", String(error), true), cause: error });
    const recorder = new Recorder(lease, { batchMs, batchBytes, timeout, onFailure });
    const duration = new Deadline(limits.duration, () =>
      this.#end(failure("max-duration", `the generation took more than ${limits.duration} ms`)),
    );
    this.#idle = new Deadline(limits.idle, () =>
      this.#end(failure("idle-timeout", `the provider was silent for ${limits.idle} ms`, true)),
    );
    this.#recorder = recorder;
    this.watched(this.fanout.watchers);
    await this.#read();
    for (const timer of [duration, this.#idle, this.#unwatched]) timer?.clear();
    await recorder.flushed();
    this.#resolveOver();
    this.keptHere = !(await recorder.end(await this.#meter.finish()));
    this.isDone = true;
    this.#resolveFinished(this.state);
  }

  async #read(): Promise<void> {
    let count = 0;
    // One that was stopped already need not be paid for.
    if (!this.#ending) {
      for await (const part of this.#parts()) {
        this.#take(part);
        if (++count % partsPerTurn === 0) await nextTurn();
      }
    }
    const cut = failure("incomplete-stream", "the parts ended without a terminal one", true);
    if (!this.fanout.answer.ended) this.#finish(this.#ending ?? cut);
  }

  #parts(): AsyncIterable<Part> {
    const { signal } = this.#abort;
    const source = new Promise((resolve) => resolve(this.#source({ signal })));
    // What it is in the end, the reader finds out itself.
    return readParts(source as Promise<AsyncIterable<unknown>>, { signal });
  }

  #take(part: Part): void {
    if (isTerminal(part)) this.#finish(this.#ending ?? part);
    else if (!this.#ending || part.type === "usage") this.#content(part);
  }

  #content(given: Part): void {
    const part = given.type === "start" ? this.#named(given) : given;
    const size = partSize(part);
    const limit = this.#options.limits.bytes;
    if (size === Number.POSITIVE_INFINITY) {
      this.#end(failure("source-error", `a part (${part.type}) has no JSON`));
    } else if (this.#bytes + size > limit) {
      this.#end(failure("max-bytes", `the answer takes more than ${limit} bytes`));
    } else {
      this.#bytes += size;
      this.#idle?.postpone();
      this.#pass(part);
      // Its protocol has a limit of its own.
      if (this.fanout.ended) this.#end(failure("too-large", "the answer is too long"));
    }
  }

  #finish(part: TerminalPart): void {
    const hasJson = partSize(part) < Number.POSITIVE_INFINITY;
    this.#pass(hasJson ? part : Object.assign({ ...part }, { raw: undefined, details: undefined }));
  }

  #pass(part: Part): void {
    try {
      this.fanout.add(part);
    } catch (error) {
      // Only of objects whose JSON is another each time.
      const told = failure("source-error", `a part (${part.type}) has no JSON: ${error}`);
      if (isTerminal(part)) this.#pass(told);
      else this.#end(told);
      return;
    }
    this.#meter.part(part);
    this.#recorder?.add(part);
  }

  /** What is made up is made up once, not by each writer. */
  #named(part: StartPart): StartPart {
    const { run, startedAt } = this.fanout.info;
    return { created: Math.floor(startedAt / 1000), ...part, id: part.id ?? `answer_${run}` };
  }

  #end(part: TerminalPart): boolean {
    if (this.#ending || this.fanout.answer.ended) return false;
    this.#ending = part;
    this.#abort.abort();
    return true;
  }
}

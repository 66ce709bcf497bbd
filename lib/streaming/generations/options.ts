import { describe, SseError } from "../../errors.js";
import { requireOption } from "../../options.js";
import type { MeteredUsage, PriceTable, Prompt } from "../accounting/index.js";
import type { WriterOptions } from "../protocols/index.js";
import { checkProtocol, type Protocol } from "../protocols/index.js";
import { type GenerationLimits, type Limits, limitsOf, milliseconds } from "./limits.js";
import { MemoryStore } from "./memory-store.js";
import type { GenerationState } from "./state.js";
import type { GenerationStore } from "./store.js";

export interface GenerationsOptions {
  /**
   * Where generations are kept. With one that several processes share, a generation that one of
   * them runs is watched, resumed and stopped from all.
   *
   * Defaults to a `MemoryStore` of their own.
   */
  store?: GenerationStore | undefined;
  /**
   * For how many ms a generation is kept after its end.
   *
   * Defaults to `300000`, 5 minutes.
   */
  ttl?: number | undefined;
  limits?: GenerationLimits | undefined;
  /**
   * What the clients read, unless `start` says otherwise.
   *
   * Defaults to `"events"`.
   */
  protocol?: Protocol | undefined;
  /**
   * After how many ms without a watcher in this process a generation is stopped; `null` for never:
   * a client that goes is no reason to stop.
   *
   * Defaults to `null`.
   */
  stopWhenUnwatched?: number | null | undefined;
  /**
   * How many ms a call of the store may take. A run whose store fails ends with the error
   * `store-error`.
   *
   * Defaults to `10000`.
   */
  storeTimeout?: number | undefined;
  /** What the models cost, by name; see `createMeter`. Defaults to none. */
  prices?: PriceTable | undefined;
  /** What clients read of an error or an abort; see `WriterOptions`. */
  errorText?: WriterOptions["errorText"];
  /**
   * Called once, at the end of a generation that this process ran, with its usage: reported, or
   * estimated (`state.estimated`); not called when neither is there. What it throws becomes a
   * process warning.
   */
  onUsage?: ((usage: MeteredUsage, state: GenerationState) => unknown) | undefined;
  /**
   * Called once, at the end of a generation that this process ran, however it ended; after
   * `onUsage`. The place to save the answer. What it throws becomes a process warning.
   *
   * Defaults to a process warning, once a minute at most, of failures of which nobody asks for `finished`.
   */
  onFinish?: ((state: GenerationState) => unknown) | undefined;
}

export interface StartOptions {
  /** What the clients read. Defaults to the `protocol` of the generations. */
  protocol?: Protocol | undefined;
  /** Whose generation it is, for `limits.concurrent`: a user, say. Defaults to `""`, one for all. */
  key?: string | undefined;
  /** The answer's id as clients see it. Defaults to the provider's. */
  messageId?: string | undefined;
  /** The model that is asked, for when the provider does not name it. */
  model?: string | undefined;
  /** What the model is asked, to estimate the input from when the provider reports no usage. */
  prompt?: Prompt | undefined;
  /** As of the generations, for this one. */
  stopWhenUnwatched?: number | null | undefined;
}

/** Checked. */
export interface Settings extends Omit<GenerationsOptions, "limits" | "stopWhenUnwatched"> {
  store: GenerationStore;
  ttl: number;
  limits: Limits;
  protocol: Protocol;
  /** Infinity for never. */
  stopWhenUnwatched: number;
  storeTimeout: number;
}

const maxIdLength = 512;

/** @throws {SseError} `invalid-argument` */
export function checkId(id: unknown): asserts id is string {
  if (typeof id === "string" && id !== "" && id.length <= maxIdLength) return;
  throw new SseError(
    "invalid-argument",
    `the id of a generation is ${describe(id)}; it must be a string of 1 to ${maxIdLength} characters.`,
  );
}

/** @throws {SseError} `invalid-option` */
export function unwatchedMs(given: number | null): number {
  return given === null ? Number.POSITIVE_INFINITY : milliseconds("stopWhenUnwatched", given, 0);
}

/** @throws {SseError} `invalid-option` */
export function settingsOf(options: GenerationsOptions): Settings {
  const { store = new MemoryStore(), ttl = 300_000, protocol = "events" } = options;
  const { stopWhenUnwatched = null, storeTimeout = 10_000 } = options;
  checkProtocol(protocol);
  for (const name of ["create", "find", "read", "stop"] as const) {
    const has = typeof Object(store)[name] === "function";
    requireOption(has, "store", store, `a GenerationStore, which has a method ${name}`);
  }
  for (const name of ["errorText", "onUsage", "onFinish"] as const) {
    const hook = options[name];
    requireOption(hook === undefined || typeof hook === "function", name, hook, "a function");
  }
  return {
    ...options,
    store,
    protocol,
    ttl: milliseconds("ttl", ttl, 0),
    limits: limitsOf(options.limits),
    stopWhenUnwatched: unwatchedMs(stopWhenUnwatched),
    storeTimeout: milliseconds("storeTimeout", storeTimeout),
  };
}

/** @throws {SseError} `invalid-argument`, `invalid-option` */
export function checkStart(source: unknown, options: StartOptions): void {
  if (typeof source !== "function") {
    throw new SseError(
      "invalid-argument",
      `a generation is started with a function that asks the provider, not with ${describe(source)}.`,
    );
  }
  for (const name of ["key", "messageId"] as const) {
    const text = options[name];
    const valid = text === undefined || (typeof text === "string" && text.length <= maxIdLength);
    requireOption(valid, name, text, `a string of at most ${maxIdLength} characters`);
  }
}

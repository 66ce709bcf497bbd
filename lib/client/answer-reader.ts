import { SseError } from "../errors.js";
import type { FinishReason } from "../streaming/parts.js";
import { detectProtocol, type Protocol, protocols } from "./protocols/index.js";
import { type JsonObject, object, type Said } from "./protocols/said.js";
import { addCounts, type Counts, type Usage, usageOf } from "./protocols/usage.js";

/** An error that the server told within the answer. */
export interface ToldError {
  message: string;
  /** The protocol's own word. */
  code: string | undefined;
  /** When to ask again, in ms. */
  retryAfter: number | undefined;
}

const reasons = /^(stop|length|tool-calls|content-filter|refusal|pause|error)$/;

function filled(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** Errors of all protocols, flat and nested: `error.message`, `error`, `errorText`, `message`. */
export function toldError(data: JsonObject): ToldError {
  const inner = object(typeof data.error === "object" ? (data.error ?? data) : data);
  const { retryAfter } = inner;
  return {
    message:
      filled(data.errorText) ??
      filled(inner.message) ??
      filled(data.error) ??
      "the server does not say why",
    code: filled(inner.code) ?? filled(inner.type),
    retryAfter: typeof retryAfter === "number" ? retryAfter : undefined,
  };
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (cause) {
    const shown = JSON.stringify(json.slice(0, 100));
    throw new SseError("invalid-data", `the server sent an event that is not JSON: ${shown}`, {
      cause,
    });
  }
}

/** Reads one answer, event by event, whatever protocol it comes in. */
export class AnswerReader {
  protocol: Protocol | undefined;
  /** As the server names it. */
  model: string | undefined;
  usage: Usage | undefined;
  error: ToldError | undefined;
  /** Whether somebody stopped it. */
  aborted = false;
  /** Whether the model has said anything, be it nothing that is read here. */
  heard = false;
  /** Whether its last event has come. */
  ended = false;
  readonly #counts: Counts = {};
  #finish: FinishReason | undefined;
  #refused = false;
  #tools = false;

  /** @param protocol to be found out from the events where it is not known */
  constructor(protocol: Protocol | undefined) {
    this.protocol = protocol;
  }

  /** Why it ended, once that is known. */
  get finishReason(): FinishReason | undefined {
    if (this.#finish !== "stop") return this.#finish;
    // Some servers say `stop` after tool calls; OpenAI says it after a refusal.
    if (this.#tools) return "tool-calls";
    return this.#refused ? "refusal" : "stop";
  }

  /** Whether it may end where it is. */
  get isComplete(): boolean {
    if (this.error || this.aborted || this.#finish) return true;
    return this.ended && (this.protocol ?? "events") === "events";
  }

  /** @throws {SseError} `invalid-data` for what is not JSON */
  take(event: string, json: string): Said {
    if (json === "[DONE]") {
      this.ended = true;
      return {};
    }
    const data = object(parse(json));
    this.protocol ??= detectProtocol(data, event);
    const protocol = this.protocol && protocols[this.protocol];
    const failed = !protocol && (data.error || data.type === "error" || event === "error");
    const said = protocol?.(data, event) ?? (failed ? { error: data } : {});
    this.#add(said);
    return said;
  }

  #add({ start, quiet, model, usage, finish, refused, tools, error, aborted, end }: Said): void {
    this.heard ||= !(start || quiet || error);
    this.model = filled(model) ?? this.model;
    if (usage) {
      addCounts(this.#counts, usage);
      const now = usageOf(this.#counts);
      if (JSON.stringify(now) !== JSON.stringify(this.usage)) this.usage = now;
    }
    if (finish) this.#finish = reasons.test(finish) ? finish : "other";
    this.#refused ||= refused === true;
    this.#tools ||= tools === true;
    if (error) this.error = toldError(error);
    this.aborted ||= aborted === true || /^aborted$/i.test(this.error?.code ?? "");
    this.ended ||= end === true || this.aborted || error !== undefined;
  }
}

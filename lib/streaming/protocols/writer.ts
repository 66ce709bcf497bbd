import type {
  AbortPart,
  AnswerErrorCode,
  AnswerFormat,
  ErrorPart,
  FinishPart,
  MetadataPart,
  Part,
  ReasoningPart,
  RefusalPart,
  SourcePart,
  StartPart,
  TextPart,
  ToolCallDeltaPart,
  ToolCallPart,
  ToolCallStartPart,
  ToolResultPart,
  Usage,
} from "../parts.js";
import { publicText } from "./error-text.js";
import { DeltaEvent, type Envelope, type WireEvent } from "./wire-event.js";

export interface WriterOptions {
  /** The answer's id as clients see it. Defaults to the provider's, or one made up. */
  id?: string | undefined;
  /** The model's name as clients see it. Defaults to the provider's, or `"unknown"`. */
  model?: string | undefined;
  /**
   * What clients read of an error or an abort. Provider's words can name accounts and keys, and
   * reasons of aborts anything, so by default this is a sentence that depends on the code alone.
   * For their own words: `(end) => end.type === "error" ? end.message : end.reason ?? "stopped"`.
   */
  errorText?: ((end: ErrorPart | AbortPart) => string) | undefined;
}

/** Encodes one answer for the clients of one protocol. */
export interface ProtocolWriter {
  /** Whether the terminal part was written: the client expects nothing more. */
  readonly ended: boolean;
  /**
   * The events that say what the part says; none for what the protocol has no place for, or says
   * later. Parts after the terminal one are ignored, as are results of tool calls that never were.
   *
   * @throws {TypeError} of `JSON.stringify`, for values that have no JSON; an `error` part may follow
   */
  write(part: Part): WireEvent[];
}

/** An end that is not a `finish`. */
export interface Failure {
  /** As in {@link ErrorPart}; `aborted` for an abort. */
  code: string;
  /** For clients. */
  text: string;
  aborted: boolean;
  /** In ms. */
  retryAfter?: number | undefined;
}

/** What all writers have in common: the order of things, and parts that say too little. */
export abstract class PartWriter implements ProtocolWriter {
  ended = false;
  /** Of the whole answer, once told. */
  protected usage: Usage | undefined;
  protected id = "";
  protected model = "";
  /** In whole seconds since 1970. */
  protected created = 0;
  /** Of `raw` values. */
  protected format: AnswerFormat | undefined;
  protected readonly options: WriterOptions;
  #events: WireEvent[] = [];
  #begun = false;
  /** Ids of the tool calls, and whether any of their arguments have come. */
  readonly #calls = new Map<string, boolean>();

  constructor(options: WriterOptions) {
    this.options = options;
  }

  write(part: Part): WireEvent[] {
    if (!this.ended) this.#take(part);
    const events = this.#events;
    this.#events = [];
    return events;
  }

  /** What the made-up id of an answer begins with. */
  protected abstract readonly idPrefix: string;
  protected abstract start(): void;
  protected abstract text(part: TextPart): void;
  protected abstract reasoning(part: ReasoningPart): void;
  protected abstract refusal(part: RefusalPart): void;
  protected abstract toolStart(part: ToolCallStartPart): void;
  protected abstract toolDelta(part: ToolCallDeltaPart): void;
  protected abstract toolCall(part: ToolCallPart): void;
  protected abstract toolResult(part: ToolResultPart): void;
  protected abstract source(part: SourcePart): void;
  protected abstract metadata(part: MetadataPart): void;
  protected abstract finish(part: FinishPart): void;
  /** The answer may not have begun. */
  protected abstract fail(failure: Failure): void;

  protected tokens(usage: Usage): void {
    this.usage = usage;
  }

  protected emit(data: object, event?: string): void {
    this.#events.push({ event, data: JSON.stringify(data) });
  }

  protected emitDelta(envelope: Envelope, text: string, number?: number): void {
    this.#events.push(new DeltaEvent(envelope, text, number));
  }

  /** The word that ends a stream of data without names. */
  protected emitDone(): void {
    this.#events.push({ data: "[DONE]" });
  }

  protected begin(part: StartPart = { type: "start" }): void {
    if (this.#begun) return;
    this.#begun = true;
    this.id = this.options.id ?? part.id ?? madeUp(this.idPrefix);
    this.model = this.options.model ?? part.model ?? "unknown";
    this.created = part.created ?? Math.floor(Date.now() / 1000);
    this.format = part.format;
    this.start();
  }

  /** Ends the answer for a reason of the writer's own. */
  protected giveUp(code: AnswerErrorCode, message: string): void {
    this.#fail({ type: "error", code, message, retryable: false });
  }

  #take(part: Part): void {
    if (part.type === "error" || part.type === "abort") {
      this.#fail(part);
      return;
    }
    this.begin(part.type === "start" ? part : undefined);
    if (part.type === "usage") this.tokens(part.usage);
    else if (part.type !== "finish") this.#content(part);
    else if (part.reason === "error") this.giveUp("provider-error", "");
    else {
      this.finish(part);
      this.ended = true;
    }
  }

  #content(part: Exclude<Part, { type: "usage" | "finish" | "error" | "abort" }>): void {
    switch (part.type) {
      case "text":
        this.text(part);
        break;
      case "reasoning":
        this.reasoning(part);
        break;
      case "refusal":
        this.refusal(part);
        break;
      case "source":
        this.source(part);
        break;
      case "metadata":
        this.metadata(part);
        break;
      case "start":
        break;
      default:
        this.#tool(part);
    }
  }

  #tool(part: ToolCallStartPart | ToolCallDeltaPart | ToolCallPart | ToolResultPart): void {
    const { id } = part;
    if (part.type === "tool-call-start") this.#toolStart(part);
    else if (part.type === "tool-call") {
      this.#whole(part);
      this.toolCall(part);
    } else if (this.#calls.has(id)) {
      if (part.type === "tool-call-delta") this.#toolDelta(part);
      else this.toolResult(part);
    }
  }

  #toolStart(part: ToolCallStartPart): void {
    if (this.#calls.has(part.id)) return;
    this.#calls.set(part.id, false);
    this.toolStart(part);
  }

  #toolDelta(part: ToolCallDeltaPart): void {
    this.#calls.set(part.id, true);
    this.toolDelta(part);
  }

  /** Of a call that the application made in one piece, what comes before its end. */
  #whole({ id, name, providerExecuted, custom, arguments: delta }: ToolCallPart): void {
    const index = this.#calls.size;
    const flags = { ...(providerExecuted && { providerExecuted }), ...(custom && { custom }) };
    this.#toolStart({ type: "tool-call-start", id, name, index, ...flags });
    if (delta !== "" && !this.#calls.get(id)) {
      this.#toolDelta({ type: "tool-call-delta", id, delta });
    }
  }

  #fail(part: ErrorPart | AbortPart): void {
    const aborted = part.type === "abort";
    const { code, retryAfter } = aborted ? { code: "aborted", retryAfter: undefined } : part;
    this.fail({ code, text: this.#textOf(part), aborted, retryAfter });
    this.ended = true;
  }

  /** Whatever the application's function does, the client is told of the end. */
  #textOf(part: ErrorPart | AbortPart): string {
    try {
      return String(this.options.errorText?.(part) ?? publicText(part));
    } catch {
      return publicText(part);
    }
  }
}

export function madeUp(prefix: string): string {
  const digits = () => Math.random().toString(36).slice(2, 12).padEnd(10, "0");
  return prefix + digits() + digits();
}

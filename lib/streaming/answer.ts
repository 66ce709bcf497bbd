import { SseError } from "../errors.js";
import {
  type AbortPart,
  type ErrorPart,
  type FinishPart,
  type FinishReason,
  isTerminal,
  type Part,
  type ReasoningPart,
  type RefusalPart,
  type SourcePart,
  type StartPart,
  type TerminalPart,
  type TextPart,
  type ToolCallPart,
  type ToolCallStartPart,
  type ToolResultPart,
  type Usage,
} from "./parts.js";

export interface AnswerOptions {
  /**
   * How much content is kept, in UTF-16 code units: text, reasoning, refusal and arguments, other
   * parts as their JSON, and 64 per entry. What comes later is dropped and `truncated` set.
   * Defaults to 16 Mi (16 777 216).
   */
  maxChars?: number;
}

/** A tool call as far as it has come. */
export interface AnswerToolCall {
  id: string;
  name: string;
  /** So far. */
  arguments: string;
  /** Of a complete call, as {@link ToolCallPart.input}. */
  input: unknown;
  /** Whether the whole call has come. */
  complete: boolean;
  providerExecuted?: true;
  custom?: true;
}

interface ToolEntry {
  type: "tool";
  start: ToolCallStartPart;
  /** Of its deltas. Grows by `+=`, as all text here does: engines keep that as a rope, at O(1). */
  arguments: string;
  /** An entry of its own as well: what came while the call was under way comes before it. */
  end: ToolCallPart | undefined;
}

type Entry =
  | ToolEntry
  | ToolCallPart
  | TextPart
  | ReasoningPart
  | RefusalPart
  | ToolResultPart
  | SourcePart
  | Extract<Part, { type: "metadata" }>;

const defaultMaxChars = 16 * 1024 * 1024;
const entryCost = 64;

/**
 * What an answer amounts to so far. Adding a part costs O(1) (O(its own size) for the rare
 * sources, results and metadata); reading `text` costs O(length). Memory is bounded by `maxChars`.
 */
export class Answer {
  start: StartPart | undefined;
  /** The latest usage; absent until the provider reports it, which is at the end. */
  usage: Usage | undefined;
  /** Absent while the answer runs. */
  terminal: TerminalPart | undefined;
  /** Whether content was dropped for `maxChars`. */
  truncated = false;
  readonly #maxChars: number;
  readonly #entries: Entry[] = [];
  readonly #tools = new Map<string, ToolEntry>();
  #chars = 0;

  /** @throws {SseError} `invalid-option` */
  constructor(options: AnswerOptions = {}) {
    const { maxChars = defaultMaxChars } = options;
    if (!(maxChars >= 0)) {
      throw new SseError("invalid-option", `maxChars is ${maxChars}; expected a number >= 0.`);
    }
    this.#maxChars = maxChars;
  }

  /** Takes the next part. Parts after the terminal one are ignored. */
  add(part: Part): this {
    if (this.terminal !== undefined) return this;
    if (part.type === "start") this.start ??= part;
    else if (part.type === "usage") this.usage = part.usage;
    else if (isTerminal(part)) this.terminal = part;
    else this.#addContent(part);
    return this;
  }

  get id(): string | undefined {
    return this.start?.id;
  }

  get model(): string | undefined {
    return this.start?.model;
  }

  get text(): string {
    return this.#joined("text");
  }

  get reasoning(): string {
    return this.#joined("reasoning");
  }

  get refusal(): string {
    return this.#joined("refusal");
  }

  get toolCalls(): AnswerToolCall[] {
    return [...this.#tools.values()].map(({ start, end, arguments: text }) => ({
      id: start.id,
      name: start.name,
      arguments: end?.arguments ?? text,
      input: end?.input,
      complete: end !== undefined,
      ...(start.providerExecuted && { providerExecuted: true as const }),
      ...(start.custom && { custom: true as const }),
    }));
  }

  get toolResults(): ToolResultPart[] {
    return this.#entries.filter((entry) => entry.type === "tool-result");
  }

  get sources(): SourcePart[] {
    return this.#entries.filter((entry) => entry.type === "source");
  }

  /** Whether the terminal part has come. */
  get ended(): boolean {
    return this.terminal !== undefined;
  }

  /** `error` after an error; absent while the answer runs and after an abort. */
  get finishReason(): FinishReason | undefined {
    if (this.terminal?.type === "finish") return this.terminal.reason;
    return this.terminal?.type === "error" ? "error" : undefined;
  }

  get finish(): FinishPart | undefined {
    return this.terminal?.type === "finish" ? this.terminal : undefined;
  }

  get error(): ErrorPart | undefined {
    return this.terminal?.type === "error" ? this.terminal : undefined;
  }

  get aborted(): AbortPart | undefined {
    return this.terminal?.type === "abort" ? this.terminal : undefined;
  }

  /**
   * The answer as the fewest parts that say the same: neighbouring text and reasoning of one block
   * merged, each tool call's deltas in one, directly after its start. For whoever comes late, such as a page that
   * was reloaded; what comes next may follow directly.
   */
  parts(): Part[] {
    const parts: Part[] = this.start ? [this.start] : [];
    for (const entry of this.#entries) {
      if (entry.type === "tool") parts.push(...toolParts(entry));
      else parts.push({ ...entry });
    }
    if (this.usage) parts.push({ type: "usage", usage: this.usage });
    if (this.terminal) parts.push(this.terminal);
    return parts;
  }

  #joined(type: "text" | "reasoning" | "refusal"): string {
    let joined = "";
    for (const entry of this.#entries) if (entry.type === type) joined += entry.text;
    return joined;
  }

  #addContent(part: Exclude<Part, TerminalPart | { type: "start" | "usage" }>): void {
    switch (part.type) {
      case "text":
      case "refusal":
      case "reasoning":
        this.#addText(part);
        break;
      case "tool-call-start":
        this.#addTool(part);
        break;
      case "tool-call-delta": {
        const tool = this.#tools.get(part.id);
        if (tool && this.#charge(part.delta.length)) tool.arguments += part.delta;
        return;
      }
      case "tool-call":
        this.#endTool(part);
        break;
      default:
        if (this.#charge(entryCost + sizeOf(part))) this.#entries.push(part);
    }
  }

  #addText(part: TextPart | ReasoningPart | RefusalPart): void {
    const opaque = part.type === "reasoning" ? opaqueLength(part) : 0;
    const last = this.#entries.at(-1);
    if (last && continues(last, part)) {
      if (!this.#charge(part.text.length + opaque)) return;
      last.text += part.text;
      if (part.type === "reasoning") mergeReasoning(last as ReasoningPart, part);
    } else if (this.#charge(entryCost + part.text.length + opaque)) {
      this.#entries.push({ ...part });
    }
  }

  #addTool(start: ToolCallStartPart): void {
    if (this.#tools.has(start.id) || !this.#charge(entryCost + start.name.length)) return;
    const entry: ToolEntry = { type: "tool", start, arguments: "", end: undefined };
    this.#tools.set(start.id, entry);
    this.#entries.push(entry);
  }

  #endTool(end: ToolCallPart): void {
    if (!this.#tools.has(end.id)) this.#addTool(startOf(end, this.#tools.size));
    const tool = this.#tools.get(end.id);
    if (!tool) return;
    const missing = Math.max(0, end.arguments.length - tool.arguments.length);
    if (!this.#charge(entryCost + missing)) return;
    tool.end = end;
    this.#entries.push(end);
  }

  /** Once something was dropped, everything is: what is kept stays a prefix of the answer. */
  #charge(chars: number): boolean {
    if (this.#chars + chars > this.#maxChars) this.truncated = true;
    if (!this.truncated) this.#chars += chars;
    return !this.truncated;
  }
}

function continues(
  last: Entry,
  part: TextPart | ReasoningPart | RefusalPart,
): last is TextPart | ReasoningPart | RefusalPart {
  if (last.type !== part.type) return false;
  if (last.type === "refusal" || part.type === "refusal") return true;
  if (last.block !== part.block) return false;
  if (last.type !== "reasoning" || part.type !== "reasoning") return true;
  return (
    last.summary === part.summary && last.redacted === undefined && part.redacted === undefined
  );
}

function mergeReasoning(last: ReasoningPart, part: ReasoningPart): void {
  if (part.signature !== undefined) last.signature = part.signature;
  if (part.itemId !== undefined) last.itemId = part.itemId;
}

function opaqueLength(part: ReasoningPart): number {
  return (part.signature?.length ?? 0) + (part.redacted?.length ?? 0);
}

/** What begins a call that the application made in one piece. */
function startOf(call: ToolCallPart, index: number): ToolCallStartPart {
  const { id, name, providerExecuted, custom } = call;
  const flags = { ...(providerExecuted && { providerExecuted }), ...(custom && { custom }) };
  return { type: "tool-call-start", id, name, index, ...flags };
}

function toolParts({ start, arguments: text }: ToolEntry): Part[] {
  if (text === "") return [start];
  return [start, { type: "tool-call-delta", id: start.id, delta: text }];
}

function sizeOf(part: Part): number {
  try {
    return JSON.stringify(part).length;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

/**
 * Reads an answer to its end.
 *
 * @throws what `parts` throws; the readers' throw nothing
 * @throws {SseError} `invalid-option`
 */
export async function collectParts(
  parts: AsyncIterable<Part> | Iterable<Part>,
  options?: AnswerOptions,
): Promise<Answer> {
  const answer = new Answer(options);
  for await (const part of parts) answer.add(part);
  return answer;
}

import type {
  AnswerFormat,
  ErrorPart,
  FinishPart,
  Part,
  SourcePart,
  StartPart,
  Usage,
} from "../streaming/parts.js";
import { defined } from "./json.js";

/** The text parts that come in pieces. */
interface Piece {
  type: "text" | "reasoning" | "refusal" | "tool-call-delta";
  block?: number | undefined;
  id?: string;
  summary?: true | undefined;
}

const maxSources = 4096;

/** Whether the rest of a surrogate pair is to come. */
export function endsInHalfPair(text: string): boolean {
  const last = text.charCodeAt(text.length - 1);
  return last >= 0xd800 && last <= 0xdbff;
}

/**
 * Where a decoder puts its parts. Keeps the order that {@link Part} promises: one start, usage once
 * and before the end, one terminal part and nothing after it, surrogate pairs whole.
 */
export class Outlet {
  ended = false;
  started = false;
  /** The decoder's. */
  format: AnswerFormat | undefined;
  #parts: Part[] = [];
  #usage: Usage | undefined;
  /** A high surrogate whose other half comes with the next piece. */
  #half = "";
  #halfOf: Piece | undefined;
  readonly #cited = new Set<string>();
  #sources = 0;

  /** The parts since the last call. */
  take(): Part[] {
    const parts = this.#parts;
    this.#parts = [];
    return parts;
  }

  /** Of a stream that speaks before it says who does, the start says the format only. */
  start(part: Omit<StartPart, "type"> = {}): void {
    if (this.started || this.ended) return;
    this.started = true;
    const given = { ...part, format: part.format ?? this.format };
    this.#parts.push({ type: "start", ...defined(given) } as StartPart);
  }

  text(text: string, block?: number): void {
    this.#piece({ type: "text", block }, text);
  }

  reasoning(text: string, block?: number, summary?: true): void {
    this.#piece({ type: "reasoning", block, summary }, text);
  }

  refusal(text: string): void {
    this.#piece({ type: "refusal" }, text);
  }

  toolDelta(id: string, delta: string): void {
    this.#piece({ type: "tool-call-delta", id }, delta);
  }

  /** A source, or nothing when one with the same `key` was there before. */
  source(part: Omit<SourcePart, "type" | "id">, key?: string): void {
    if (this.#sources >= maxSources || (key !== undefined && this.#cited.has(key))) return;
    if (key !== undefined) this.#cited.add(key);
    this.push({ type: "source", id: `source_${this.#sources++}`, ...defined(part) } as SourcePart);
  }

  /** Replaces what was reported before: providers' figures are totals. */
  usage(usage: Usage | undefined): void {
    this.#usage = usage ?? this.#usage;
  }

  push(part: Part): void {
    if (this.ended) return;
    this.start();
    this.#flushHalf();
    this.#parts.push(part);
  }

  finish(part: Omit<FinishPart, "type">): void {
    this.#end({ type: "finish", ...part });
  }

  fail(part: Omit<ErrorPart, "type">): void {
    this.#end({ type: "error", ...part });
  }

  abort(reason: string | undefined): void {
    this.#end({ type: "abort", ...(reason !== undefined && { reason }) });
  }

  #end(part: Part): void {
    if (this.ended) return;
    if (part.type === "finish") this.start();
    this.#flushHalf();
    if (this.#usage) this.#parts.push({ type: "usage", usage: this.#usage });
    this.#parts.push(part);
    this.ended = true;
  }

  #piece(piece: Piece, text: string): void {
    if (text === "" || this.ended) return;
    this.start();
    let whole = text;
    if (this.#halfOf !== undefined) {
      if (samePlace(this.#halfOf, piece)) whole = this.#half + text;
      else this.#flushHalf();
      this.#halfOf = undefined;
    }
    if (endsInHalfPair(whole)) {
      this.#half = whole.slice(-1);
      this.#halfOf = piece;
      whole = whole.slice(0, -1);
    }
    if (whole !== "") this.#parts.push(pieceOf(piece, whole));
  }

  #flushHalf(): void {
    if (this.#halfOf === undefined) return;
    this.#parts.push(pieceOf(this.#halfOf, this.#half));
    this.#halfOf = undefined;
  }
}

function samePlace(one: Piece, other: Piece): boolean {
  return (
    one.type === other.type &&
    one.block === other.block &&
    one.id === other.id &&
    one.summary === other.summary
  );
}

function pieceOf({ type, block, id, summary }: Piece, text: string): Part {
  if (type === "tool-call-delta") return { type, id: id as string, delta: text };
  if (type === "refusal") return { type, text };
  const part = { type, text } as Extract<Part, { type: "text" | "reasoning" }>;
  if (block !== undefined) part.block = block;
  if (summary && part.type === "reasoning") part.summary = true;
  return part;
}

import type { JsonObject } from "./json.js";
import type { Outlet } from "./outlet.js";

/** Turns the chunks of one provider format into parts, which it puts into its outlet. */
export interface Decoder {
  /** Takes one chunk, of whatever shape. May throw: that is an `invalid-chunk`. */
  chunk(chunk: JsonObject): void;
  /** No more chunks come: finishes an answer that is whole without a last word, else does nothing. */
  end(): void;
  /** What an answer that broke off lacks, for the error message. */
  readonly missing: string;
}

export interface DecoderLimits {
  /** Characters of all tool arguments together. */
  maxArguments: number;
}

export type DecoderClass = new (outlet: Outlet, limits: DecoderLimits) => Decoder;

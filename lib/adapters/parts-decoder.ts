import type { ErrorPart, Part } from "../streaming/parts.js";
import type { Decoder } from "./decoder.js";
import { filled, isObject, type JsonObject, text } from "./json.js";
import type { Outlet } from "./outlet.js";
import { failure } from "./provider-error.js";

const contents = new Set<unknown>([
  "text",
  "reasoning",
  "refusal",
  "tool-call-start",
  "tool-call-delta",
  "tool-call",
  "tool-result",
  "source",
  "metadata",
]);

/** Whether an object begins like a part: no provider's chunk has these types. */
export function looksLikePart({ type }: JsonObject): boolean {
  return contents.has(type) || type === "start" || type === "usage" || type === "abort";
}

/**
 * Parts that are parts already: of another reader, or made by the application. They leave in the
 * order and with the one end that parts promise.
 */
export class PartsDecoder implements Decoder {
  readonly missing = "finish part";
  readonly #outlet: Outlet;

  constructor(outlet: Outlet) {
    this.#outlet = outlet;
    outlet.format = "parts";
  }

  chunk(chunk: JsonObject): void {
    const part = chunk as unknown as Part;
    switch (part.type) {
      case "start":
        this.#outlet.start(part);
        break;
      case "usage":
        this.#outlet.usage(isObject(part.usage) ? part.usage : undefined);
        break;
      case "finish":
        this.#outlet.finish(part);
        break;
      case "abort":
        this.#outlet.abort(filled(part.reason));
        break;
      case "error":
        this.#fail(part);
        break;
      default:
        if (contents.has(chunk.type)) this.#content(part);
    }
  }

  end(): void {}

  /** What an application leaves out of an error is filled in. */
  #fail({ type: _, ...given }: ErrorPart): void {
    this.#outlet.fail({ ...failure("provider-error", "the answer failed"), ...given });
  }

  #content(part: Part): void {
    const piece = part.type === "text" || part.type === "reasoning" || part.type === "refusal";
    if (piece && typeof part.text !== "string") return;
    if (part.type === "tool-call-delta") {
      this.#outlet.toolDelta(part.id, text(part.delta));
      return;
    }
    if (part.type === "text") {
      this.#outlet.text(part.text, part.block);
      return;
    }
    this.#outlet.push(part);
  }
}

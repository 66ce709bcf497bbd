import type { Part } from "../parts.js";

/** What a part counts for besides its content: about what an object takes. */
const overhead = 64;

/** What keeping a part takes, in bytes: its content as UTF-8, and 64. Infinity where it has no JSON. */
export function partSize(part: Part): number {
  switch (part.type) {
    case "text":
    case "refusal":
      return overhead + Buffer.byteLength(part.text);
    case "tool-call-delta":
      return overhead + Buffer.byteLength(part.delta);
    default:
      return overhead + jsonSize(part);
  }
}

function jsonSize(part: Part): number {
  try {
    return Buffer.byteLength(JSON.stringify({ ...part, cause: undefined }));
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

import type { FinishReason } from "../../streaming/parts.js";
import { type JsonObject, object, type Said } from "./said.js";

/** AI Kit's own events. Its servers also send the data of `token` and `usage` without a name. */
export function readEvents(data: JsonObject, event: string): Said | undefined {
  switch (event) {
    case "start":
      return { start: true, model: data.model };
    case "token":
      return { text: data.token };
    case "usage":
      return { usage: data };
    case "metadata":
      if (data.type === "reasoning") return { reasoning: data.text };
      return { finish: data.finishReason as FinishReason | undefined };
    case "done":
      return { end: true };
    case "error":
      return { error: data };
    default:
      return { text: data.token, usage: object(data.usage), error: data.error ? data : undefined };
  }
}

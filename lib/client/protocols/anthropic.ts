import type { FinishReason } from "../../streaming/parts.js";
import { type JsonObject, object, type Said } from "./said.js";

/** https://platform.claude.com/docs/en/build-with-claude/handling-stop-reasons */
const reasons = new Map<unknown, FinishReason>([
  ["end_turn", "stop"],
  ["stop_sequence", "stop"],
  ["max_tokens", "length"],
  ["model_context_window_exceeded", "length"],
  ["tool_use", "tool-calls"],
  ["pause_turn", "pause"],
  ["refusal", "refusal"],
]);

/** Anthropic's messages: https://platform.claude.com/docs/en/build-with-claude/streaming */
export function readAnthropic(data: JsonObject): Said | undefined {
  const delta = object(data.delta);
  switch (data.type) {
    case "message_start": {
      const { model, usage } = object(data.message);
      return { start: true, model, usage };
    }
    case "ping":
      return { quiet: true };
    case "content_block_start": {
      const { text, thinking: reasoning } = object(data.content_block);
      return { text, reasoning };
    }
    case "content_block_delta":
      return { text: delta.text, reasoning: delta.thinking };
    case "message_delta": {
      const reason = delta.stop_reason;
      const finish = reason ? (reasons.get(reason) ?? "other") : undefined;
      return { usage: data.usage, finish };
    }
    case "message_stop":
      return { end: true };
    case "error":
      return { error: data };
    default:
      return undefined;
  }
}

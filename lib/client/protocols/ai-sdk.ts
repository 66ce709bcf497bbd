import type { FinishReason } from "../../streaming/parts.js";
import { type JsonObject, object, type Said } from "./said.js";

/** The Vercel AI SDK's UI message stream: https://ai-sdk.dev/docs/ai-sdk-ui/stream-protocol */
export function readAiSdk(data: JsonObject): Said | undefined {
  const { usage } = object(data.messageMetadata);
  switch (data.type) {
    case "start":
      return { start: true, usage };
    case "start-step":
      return { quiet: true };
    case "text-delta":
      return { text: data.delta };
    case "reasoning-delta":
      return { reasoning: data.delta };
    case "message-metadata":
      return { usage };
    case "finish":
      return { usage, finish: (data.finishReason ?? "stop") as FinishReason };
    case "abort":
      return { aborted: true };
    case "error":
      return { error: data };
    default:
      return undefined;
  }
}

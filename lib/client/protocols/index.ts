import type { Protocol } from "../../streaming/protocols/index.js";
import { readAiSdk } from "./ai-sdk.js";
import { readAnthropic } from "./anthropic.js";
import { readEvents } from "./events.js";
import { readOpenAI } from "./openai.js";
import { readOpenAIResponses } from "./openai-responses.js";
import type { JsonObject, ReadEvent } from "./said.js";

export type { Protocol };

export const protocols: Record<Protocol, ReadEvent> = {
  events: readEvents,
  openai: readOpenAI,
  "openai-responses": readOpenAIResponses,
  anthropic: readAnthropic,
  "ai-sdk": readAiSdk,
};

/** The protocol of an answer by one of its events, or nothing where that does not tell it. */
export function detectProtocol(data: JsonObject, event: string): Protocol | undefined {
  const type = typeof data.type === "string" ? data.type : "";
  if (type.startsWith("response.")) return "openai-responses";
  // An event that has a type is named by it.
  if (/^(message_start|content_block_|message_delta|message_stop)/.test(type)) return "anthropic";
  if (Array.isArray(data.choices)) return "openai";
  if (/^(start|token|usage|metadata|done)$/.test(event)) return "events";
  if (event !== "message" || data.error || type === "error") return undefined;
  return /^(start|finish|text|reasoning|tool|source|file|data|abort|message)\b/.test(type)
    ? "ai-sdk"
    : "token" in data || "usage" in data
      ? "events"
      : undefined;
}

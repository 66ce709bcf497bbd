import { SseError } from "../../errors.js";
import type { FinishReason } from "../../streaming/parts.js";
import { aiSdk } from "./ai-sdk.js";
import { anthropic } from "./anthropic.js";
import { events } from "./events.js";
import { readChunk } from "./openai.js";
import { readResponseEvent } from "./openai-responses.js";
import { failed, type JsonObject, object, type Said, type Saying } from "./said.js";

/** The AI SDK's `start` and `error`, and the `error` of all others, are as AI Kit's. */
const sayings: Saying = { ...anthropic, ...aiSdk, ...events };

/** All protocols' words for why an answer ended; any other is `other`. */
const reasons: Partial<Record<FinishReason, RegExp>> = {
  stop: /^(stop|eos|end_turn|completed)/,
  length: /length|max_|context/,
  "tool-calls": /tool|function/,
  "content-filter": /filter/,
  refusal: /refusal/,
  pause: /pause/,
};

export function finishReason(word: unknown): FinishReason {
  const known = Object.entries(reasons).find(([, pattern]) => pattern.test(String(word)));
  return (known?.[0] ?? "other") as FinishReason;
}

/**
 * What an event says, in any of the protocols that servers speak: they have no event in common that
 * says different things. Nothing for an event of none of them.
 *
 * @throws {SseError} `invalid-data` for what is not JSON
 */
export function readEvent(event: string, json: string): Said {
  if (json === "[DONE]") return { done: true };
  let data: JsonObject;
  try {
    data = object(JSON.parse(json));
  } catch (cause) {
    throw new SseError("invalid-data", `an event is not JSON: ${json.slice(0, 100)}`, { cause });
  }
  const { type, model, messageMetadata, usage = object(messageMetadata).usage } = data;
  return { model, usage, ...sayingOf(event === "message" ? String(type) : event, data) };
}

function sayingOf(name: string, data: JsonObject): Said {
  const { choices, error, token: text } = data;
  if (Object.hasOwn(sayings, name)) return (sayings[name] as Saying[string])(data);
  if (name.startsWith("response.")) return readResponseEvent(name.slice("response.".length), data);
  if (error) return failed(data);
  if (Array.isArray(choices)) return readChunk(data);
  // AI Kit's servers also send these without a name.
  return typeof text === "string" ? { text, endless: true } : {};
}

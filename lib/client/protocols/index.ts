import { SseError } from "../../errors.js";
import type { FinishReason } from "../../streaming/parts.js";
import { aiSdk } from "./ai-sdk.js";
import { anthropic } from "./anthropic.js";
import { events } from "./events.js";
import { readChunk } from "./openai.js";
import { responses } from "./openai-responses.js";
import { failed, type JsonObject, object, type Said, type Saying } from "./said.js";

/** The AI SDK's `start` and `error`, and the `error` of all others, are as AI Kit's. */
const sayings: Saying = { ...responses, ...anthropic, ...aiSdk, ...events };

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
    const shown = JSON.stringify(json.slice(0, 100));
    throw new SseError("invalid-data", `an event is not JSON: ${shown}`, { cause });
  }
  const { choices, error, token, type, usage } = data;
  const name = event === "message" ? String(type) : event;
  if (Object.hasOwn(sayings, name)) return (sayings[name] as Saying[string])(data);
  if (error) return failed(data);
  if (Array.isArray(choices)) return readChunk(data);
  // AI Kit's servers also send these without a name.
  if (typeof token === "string") return { text: token, usage, endless: true };
  return usage ? { usage } : {};
}

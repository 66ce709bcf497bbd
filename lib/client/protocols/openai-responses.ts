import { failed, type JsonObject, object, type Said } from "./said.js";

/**
 * OpenAI's Responses: https://platform.openai.com/docs/api-reference/responses-streaming
 *
 * @param name without `response.`
 */
export function readResponseEvent(name: string, { delta, item, response }: JsonObject): Said {
  if (response) return readStatus(name, object(response));
  if (name === "output_text.delta") return { text: delta };
  if (name === "refusal.delta") return { text: delta, instead: "refusal" };
  if (/^reasoning\w*_text\.delta$/.test(name)) return { reasoning: delta };
  const isCall = /^(function|custom)/.test(String(object(item).type));
  return isCall ? { instead: "tool-calls" } : {};
}

function readStatus(name: string, response: JsonObject): Said {
  const { model, usage, status = name, incomplete_details: details, ...rest } = response;
  if (/^(created|in_progress|queued)$/.test(String(status))) return { start: true };
  const said = { model, usage, end: true };
  if (status === "cancelled") return { ...said, aborted: true };
  if (status === "failed") return { ...said, ...failed(rest) };
  return { ...said, finish: object(details).reason ?? status };
}

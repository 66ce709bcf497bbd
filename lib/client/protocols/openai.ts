import { type JsonObject, object, type Said } from "./said.js";

/** OpenAI's chat completions: https://platform.openai.com/docs/api-reference/chat-streaming */
export function readChunk({ choices, model, usage, x_groq }: JsonObject): Said {
  const { delta, finish_reason: finish } = object(object(choices)[0]);
  const { role, content, refusal, tool_calls, function_call, ...rest } = object(delta);
  // Mistral's content is a list: https://docs.mistral.ai/capabilities/reasoning
  const items = Array.isArray(content) ? content : undefined;
  const text = refusal || (items ? joined(items) : content);
  const thoughts = items?.flatMap((item) => object(item).thinking ?? []);
  const reasoning = thoughts ? joined(thoughts) : (rest.reasoning_content ?? rest.reasoning);
  const tools = tool_calls || function_call;
  // The first chunk says whose the answer is, and nothing of it.
  const start = role && !(text || reasoning || tools || finish);
  usage ??= object(x_groq).usage;
  return { start, model, text, reasoning, refused: refusal, tools, usage, finish };
}

function joined(items: unknown[]): string {
  const texts = items.map((item) => object(item).text);
  return texts.filter((text) => typeof text === "string").join("");
}

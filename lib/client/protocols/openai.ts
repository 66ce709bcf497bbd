import { type JsonObject, object, type Said } from "./said.js";

/** OpenAI's chat completions: https://platform.openai.com/docs/api-reference/chat-streaming */
export function readChunk({ choices, model, usage }: JsonObject): Said {
  const { delta, finish_reason: finish } = object(object(choices)[0]);
  const { role, content, refusal: refused, tool_calls, function_call, ...rest } = object(delta);
  const text = refused || content;
  const reasoning = rest.reasoning_content ?? rest.reasoning;
  const tools = tool_calls || function_call;
  // The first chunk says whose the answer is, and nothing of it.
  const start = role && !(text || reasoning || tools || finish);
  return { start, model, text, reasoning, refused, tools, usage, finish };
}

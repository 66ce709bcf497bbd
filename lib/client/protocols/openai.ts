import { type JsonObject, object, type Said } from "./said.js";

/** OpenAI's chat completions: https://platform.openai.com/docs/api-reference/chat-streaming */
export function readChunk({ choices }: JsonObject): Said {
  const { delta, finish_reason: finish } = object(object(choices)[0]);
  const { role, content, refusal, tool_calls, function_call, ...rest } = object(delta);
  const text = refusal || content;
  const reasoning = rest.reasoning_content ?? rest.reasoning;
  const instead = tool_calls || function_call ? "tool-calls" : refusal ? "refusal" : undefined;
  // The first chunk says whose the answer is, and nothing of it.
  const start = role && !(text || reasoning || instead || finish);
  // Some servers say it in each chunk, `""` where it is not known.
  return { start, text, reasoning, instead, finish: finish || undefined };
}

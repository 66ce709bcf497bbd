import type { FinishReason } from "../../streaming/parts.js";
import { type JsonObject, object, type Said } from "./said.js";

const reasons = new Map<unknown, FinishReason>([
  ["stop", "stop"],
  ["eos", "stop"],
  ["length", "length"],
  ["model_length", "length"],
  ["max_tokens", "length"],
  ["tool_calls", "tool-calls"],
  ["function_call", "tool-calls"],
  ["content_filter", "content-filter"],
  ["refusal", "refusal"],
]);

/** OpenAI's chat completions: https://platform.openai.com/docs/api-reference/chat-streaming */
export function readOpenAI(data: JsonObject): Said {
  if (data.error) return { error: data };
  const usage = data.usage ?? object(data.x_groq).usage;
  const choice = object(object(data.choices)[0]);
  const delta = object(choice.delta);
  const { content, refusal, reasoning_content: reasoning = delta.reasoning } = delta;
  const tools = !!(delta.tool_calls || delta.function_call);
  const reason = choice.finish_reason;
  const said = { ...contentOf(content, reasoning), model: data.model, usage, tools };
  if (refusal) Object.assign(said, { text: refusal, refused: true });
  if (reason) return { ...said, finish: reasons.get(reason) ?? "other" };
  // The first chunk says whose the answer is, and nothing of it.
  return { ...said, start: !!delta.role && !(said.text || said.reasoning || tools) };
}

/** Mistral's content is a list: https://docs.mistral.ai/capabilities/reasoning */
function contentOf(content: unknown, reasoning: unknown): Said {
  if (!Array.isArray(content)) return { text: content, reasoning };
  const join = (items: unknown[]): string =>
    items
      .map((item) => object(item).text)
      .filter((text) => typeof text === "string")
      .join("");
  const thoughts = content.flatMap((item) => object(item).thinking ?? []);
  return { text: join(content), reasoning: join(thoughts) };
}

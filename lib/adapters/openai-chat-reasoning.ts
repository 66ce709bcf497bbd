import { filled, type JsonObject, list, object, text } from "./json.js";
import type { Outlet } from "./outlet.js";

/**
 * Reasoning of the servers that show it: `reasoning_content` (DeepSeek, vLLM, xAI) or `reasoning`
 * (Ollama, OpenRouter, Groq). Those that send both send the same text twice.
 */
export function reasoningText(delta: JsonObject): string {
  return filled(delta.reasoning_content) ?? text(delta.reasoning);
}

/**
 * OpenRouter's structured reasoning: the text if nothing else has it, and what the provider behind
 * it wants back: https://openrouter.ai/docs/use-cases/reasoning-tokens#preserving-reasoning-blocks
 */
export function openRouterReasoning(delta: JsonObject, outlet: Outlet): void {
  const told = reasoningText(delta) !== "";
  for (const detail of list(delta.reasoning_details).map(object)) {
    const summary = detail.type === "reasoning.summary";
    if (!told && summary) outlet.reasoning(text(detail.summary), undefined, true);
    if (!told && !summary) outlet.reasoning(text(detail.text));
    const signature = filled(detail.signature);
    if (signature !== undefined) outlet.push({ type: "reasoning", text: "", signature });
    const data = filled(detail.data);
    if (data !== undefined) outlet.push({ type: "reasoning", text: "", redacted: data });
  }
}

/** Anthropic's messages API. */
import Anthropic from "@anthropic-ai/sdk";

const MAX_TOKENS = 2048;

/** @returns {import("./index.js").Provider} */
export function anthropic(model = process.env.ANTHROPIC_MODEL || "claude-haiku-4-5") {
  const client = new Anthropic();
  return {
    id: "anthropic",
    name: "Anthropic",
    model,
    open: (messages, signal) =>
      client.messages.create(
        {
          model,
          max_tokens: MAX_TOKENS,
          messages,
          stream: true,
        },
        { signal },
      ),
  };
}

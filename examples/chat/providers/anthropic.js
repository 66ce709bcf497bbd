/** Anthropic's messages API. */
import Anthropic from "@anthropic-ai/sdk";

const MAX_TOKENS = 2048;

/**
 * What the page needs of a message stream event. Counts of tokens are totals so far: a later one replaces an earlier.
 * @returns {import("./index.js").Piece}
 */
function readEvent(event) {
  switch (event.type) {
    case "message_start":
      return { usage: { promptTokens: event.message.usage.input_tokens } };
    case "content_block_delta":
      return event.delta.type === "text_delta" ? { token: event.delta.text || undefined } : {};
    case "message_delta":
      return {
        finishReason: event.delta.stop_reason ?? undefined,
        usage: { completionTokens: event.usage.output_tokens },
      };
    default:
      return {};
  }
}

/** @returns {import("./index.js").Provider} */
export function anthropic(model = process.env.ANTHROPIC_MODEL || "claude-haiku-4-5") {
  const client = new Anthropic();
  return {
    name: "Anthropic",
    model,
    open: (prompt, signal) =>
      client.messages.create(
        {
          model,
          max_tokens: MAX_TOKENS,
          messages: [{ role: "user", content: prompt }],
          stream: true,
        },
        { signal },
      ),
    read: readEvent,
  };
}

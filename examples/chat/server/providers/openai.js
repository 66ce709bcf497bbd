/** OpenAI, or any server that speaks its chat completions API (set OPENAI_BASE_URL). */
import OpenAI from "openai";

/** @returns {import("./index.js").Provider} */
export function openai(model = process.env.OPENAI_MODEL || "gpt-5-mini") {
  const client = new OpenAI();
  return {
    id: "openai",
    name: "OpenAI",
    model,
    open: (messages, signal) =>
      client.chat.completions.create(
        {
          model,
          messages,
          stream: true,
          stream_options: { include_usage: true },
        },
        { signal },
      ),
  };
}

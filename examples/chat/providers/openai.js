/** OpenAI, or any server that speaks its chat completions API (set OPENAI_BASE_URL). */
import OpenAI from "openai";

/** @returns {import("./index.js").Provider} */
export function openai(model = process.env.OPENAI_MODEL || "gpt-5-mini") {
  const client = new OpenAI();
  return {
    name: "OpenAI",
    model,
    open: (prompt, signal) =>
      client.chat.completions.create(
        {
          model,
          messages: [{ role: "user", content: prompt }],
          stream: true,
          stream_options: { include_usage: true },
        },
        { signal },
      ),
  };
}

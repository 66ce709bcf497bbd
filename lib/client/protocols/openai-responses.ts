import { type JsonObject, object, type Said } from "./said.js";

/** OpenAI's Responses: https://platform.openai.com/docs/api-reference/responses-streaming */
export function readOpenAIResponses(data: JsonObject): Said | undefined {
  const { delta: text } = data;
  const response = object(data.response);
  switch (data.type) {
    case "response.created":
      return { start: true, model: response.model };
    case "response.in_progress":
    case "response.queued":
      return { quiet: true };
    case "response.output_text.delta":
      return { text };
    case "response.refusal.delta":
      return { text, refused: true };
    case "response.reasoning_text.delta":
    case "response.reasoning_summary_text.delta":
      return { reasoning: text };
    case "response.output_item.done":
      return { tools: /^(function|custom_tool)_call$/.test(String(object(data.item).type)) };
    case "response.completed":
    case "response.incomplete":
    case "response.failed":
    case "response.cancelled":
      return { ...ending(response), model: response.model, usage: response.usage, end: true };
    case "error":
      return { error: data };
    default:
      return undefined;
  }
}

function ending(response: JsonObject): Said {
  const { reason } = object(response.incomplete_details);
  switch (response.status) {
    case "completed":
      return { finish: "stop" };
    case "incomplete":
      if (reason === "max_output_tokens") return { finish: "length" };
      return { finish: reason === "content_filter" ? "content-filter" : "other" };
    case "cancelled":
      return { aborted: true };
    default:
      return { error: response };
  }
}

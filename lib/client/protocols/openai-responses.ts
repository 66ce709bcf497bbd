import { failed, type JsonObject, object, type Said, type Saying } from "./said.js";

const start = () => ({ start: true });
const reasoning = ({ delta }: JsonObject) => ({ reasoning: delta });

function ending({ type, response }: JsonObject): Said {
  const { model, usage, incomplete_details: details, ...rest } = object(response);
  const said = { model, usage, end: true };
  const status = rest.status ?? String(type).slice("response.".length);
  if (status === "cancelled") return { ...said, aborted: true };
  if (status === "failed") return { ...said, ...failed(rest) };
  return { ...said, finish: object(details).reason ?? status };
}

/** OpenAI's Responses: https://platform.openai.com/docs/api-reference/responses-streaming */
export const responses: Saying = {
  "response.created": start,
  "response.in_progress": start,
  "response.queued": start,
  "response.output_text.delta": ({ delta }) => ({ text: delta }),
  "response.refusal.delta": ({ delta }) => ({ text: delta, refused: true }),
  "response.reasoning_text.delta": reasoning,
  "response.reasoning_summary_text.delta": reasoning,
  "response.output_item.done": ({ item }) => ({
    tools: /^(function|custom_tool)_call$/.exec(String(object(item).type)),
  }),
  "response.completed": ending,
  "response.incomplete": ending,
  "response.failed": ending,
  "response.cancelled": ending,
};

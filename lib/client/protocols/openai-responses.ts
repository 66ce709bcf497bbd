import { type JsonObject, object, type Said, type Saying } from "./said.js";

const quiet = () => ({ quiet: true });
const reasoning = ({ delta }: JsonObject) => ({ reasoning: delta });

function ending({ type, response }: JsonObject): Said {
  const {
    status = String(type).slice("response.".length),
    model,
    usage,
    ...rest
  } = object(response);
  const said = { model, usage, end: true };
  if (status === "completed") return { ...said, finish: status };
  if (status === "cancelled") return { ...said, aborted: true };
  if (status !== "incomplete") return { ...said, error: rest };
  return { ...said, finish: object(rest.incomplete_details).reason ?? "other" };
}

/** OpenAI's Responses: https://platform.openai.com/docs/api-reference/responses-streaming */
export const responses: Saying = {
  "response.created": () => ({ start: true }),
  "response.in_progress": quiet,
  "response.queued": quiet,
  "response.output_text.delta": ({ delta }) => ({ text: delta }),
  "response.refusal.delta": ({ delta }) => ({ text: delta, refused: true }),
  "response.reasoning_text.delta": reasoning,
  "response.reasoning_summary_text.delta": reasoning,
  "response.output_item.done": ({ item }) => ({
    tools: /^(function|custom_tool)_call$/.test(String(object(item).type)),
  }),
  "response.completed": ending,
  "response.incomplete": ending,
  "response.failed": ending,
  "response.cancelled": ending,
};

import { namedSse, pieces, sse, streamOf } from "../adapters/chunking.ts";
import { block, delta, messageEnding } from "../adapters/parts-of.ts";

/** What each of these provider streams says. */
export const said = {
  text: " Hello,\nworld 🌍",
  reasoning: "Let me think.",
  toolCalls: [
    { id: "call_1", name: "weather", input: { city: "Zürich" } },
    { id: "call_2", name: "time", input: {} },
  ],
  usage: { input: 11, output: 7, total: 18 },
};

const json = '{"city":"Zürich"}';

const chat = [
  delta({ role: "assistant", reasoning_content: "Let me " }),
  delta({ reasoning_content: "think." }),
  delta({ content: " Hello,\nwor" }),
  delta({ content: "ld 🌍" }),
  delta({ tool_calls: [call(0, "call_1", "weather", json.slice(0, 5))] }),
  delta({ tool_calls: [{ index: 0, function: { arguments: json.slice(5) } }] }),
  delta({ tool_calls: [call(1, "call_2", "time", "{}")] }),
  delta({}, "tool_calls"),
  {
    ...delta({}),
    choices: [],
    usage: { prompt_tokens: 11, completion_tokens: 7, total_tokens: 18 },
  },
];

function call(index: number, id: string, name: string, json: string): object {
  return { index, id, type: "function", function: { name, arguments: json } };
}

const anthropic = messageEnding(
  "tool_use",
  ...block(
    0,
    { type: "thinking", thinking: "", signature: "" },
    { type: "thinking_delta", thinking: "Let me " },
    { type: "thinking_delta", thinking: "think." },
    { type: "signature_delta", signature: "c2ln" },
  ),
  ...block(
    1,
    { type: "text", text: "" },
    { type: "text_delta", text: " Hello,\nwor" },
    { type: "text_delta", text: "ld 🌍" },
  ),
  ...block(
    2,
    { type: "tool_use", id: "call_1", name: "weather", input: {} },
    { type: "input_json_delta", partial_json: json.slice(0, 5) },
    { type: "input_json_delta", partial_json: json.slice(5) },
  ),
  ...block(3, { type: "tool_use", id: "call_2", name: "time", input: {} }),
).map((event) => {
  const { type } = event as { type: string };
  const usage = { input_tokens: 11, output_tokens: 7 };
  return { ...event, type, ...(type === "message_delta" && { usage }) };
});

function item(type: string, fields: object): { type: string; [key: string]: unknown } {
  return { type: `response.${type}`, ...fields };
}

function functionCall(output_index: number, call_id: string, name: string, whole: string) {
  const open = { type: "function_call", id: `fc_${output_index}`, call_id, name, arguments: "" };
  return [
    item("output_item.added", { output_index, item: open }),
    item("function_call_arguments.delta", { output_index, delta: whole }),
    item("output_item.done", { output_index, item: { ...open, arguments: whole } }),
  ];
}

const thought = { type: "reasoning", id: "rs_1", summary: [] };
const response = { id: "resp_1", model: "gpt", created_at: 1, output: [] };
const responses = [
  item("created", { response }),
  item("output_item.added", { output_index: 0, item: thought }),
  ...["Let me ", "think."].map((delta) =>
    item("reasoning_summary_text.delta", { output_index: 0, summary_index: 0, delta }),
  ),
  item("output_item.done", { output_index: 0, item: { ...thought, encrypted_content: "ZW5j" } }),
  ...[" Hello,\nwor", "ld 🌍"].map((delta) =>
    item("output_text.delta", { output_index: 1, content_index: 0, delta }),
  ),
  ...functionCall(2, "call_1", "weather", json),
  ...functionCall(3, "call_2", "time", "{}"),
  item("completed", {
    response: {
      ...response,
      status: "completed",
      usage: { input_tokens: 11, output_tokens: 7, total_tokens: 18 },
    },
  }),
];

export type Provider = "openai" | "openai-responses" | "anthropic";

/** Provider streams as they come over the network, all of the same content. */
export const providerBytes: Record<Provider, Uint8Array> = {
  openai: new TextEncoder().encode(sse(...chat, "[DONE]")),
  "openai-responses": new TextEncoder().encode(namedSse(...responses)),
  anthropic: new TextEncoder().encode(namedSse(...anthropic)),
};

export function providerStream(provider: Provider): ReadableStream<Uint8Array> {
  return streamOf(pieces(providerBytes[provider], 40));
}

import { expect, it } from "vitest";
import { readAnthropic } from "../../lib/adapters/index.ts";
import { AnthropicAdapter, OpenAIAdapter } from "../../lib/adapters/server.ts";
import type { FinishReason, Part } from "../../lib/streaming/index.ts";
import { namedSse, streamOf } from "../adapters/chunking.ts";
import { block, messageEnding, partsOf } from "../adapters/parts-of.ts";
import { anthropicRequest, withProvider } from "../adapters/provider.ts";
import { heardBy, send } from "./clients.ts";
import { finish, start, written, writtenJson } from "./written.ts";

function adapted(parts: Part[]): ReadableStream<Uint8Array> {
  return OpenAIAdapter(streamOf(parts), { protocol: "anthropic" });
}

function finalMessage(parts: Part[]) {
  return withProvider(
    (response) => void send(response, "anthropic", adapted(parts)),
    ({ anthropic }) => anthropic.messages.stream(anthropicRequest).finalMessage(),
  );
}

it("writes what Anthropic writes", () => {
  const usage = {
    inputTokens: 10,
    outputTokens: 5,
    totalTokens: 15,
    cachedInputTokens: 4,
    cacheWriteTokens: 3,
    reasoningTokens: 2,
  };
  const parts: Part[] = [
    start,
    { type: "text", text: "Hi", block: 0 },
    { type: "usage", usage },
    { type: "finish", reason: "stop", stopSequence: "END", raw: "stop_sequence" },
  ];
  expect(written("anthropic", parts)).toEqual([
    'message_start {"type":"message_start","message":{"id":"a1","type":"message","role":"assistant","model":"m","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":0,"output_tokens":0}}}',
    'content_block_start {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}',
    'content_block_delta {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hi"}}',
    'content_block_stop {"type":"content_block_stop","index":0}',
    'message_delta {"type":"message_delta","delta":{"stop_reason":"stop_sequence","stop_sequence":"END"},"usage":{"input_tokens":3,"cache_read_input_tokens":4,"cache_creation_input_tokens":3,"output_tokens":5,"output_tokens_details":{"thinking_tokens":2}}}',
    'message_stop {"type":"message_stop"}',
  ]);
});

it("writes the error event alone when nothing was said", () => {
  const error: Part = { type: "error", code: "overloaded", message: "x", retryable: true };
  expect(written("anthropic", [error])).toEqual([
    'error {"type":"error","error":{"type":"overloaded_error","message":"The model is overloaded. Try again later."}}',
  ]);
});

/** A message with all that Anthropic has: what comes out is what went in. */
const whole = messageEnding(
  "tool_use",
  ...block(
    0,
    { type: "thinking", thinking: "", signature: "" },
    { type: "thinking_delta", thinking: "Hm" },
    { type: "signature_delta", signature: "c2ln" },
  ),
  ...block(1, { type: "redacted_thinking", data: "cmVk" }),
  ...block(
    2,
    { type: "server_tool_use", id: "srv", name: "web_search", input: {} },
    { type: "input_json_delta", partial_json: '{"query":"a"}' },
  ),
  ...block(3, {
    type: "web_search_tool_result",
    tool_use_id: "srv",
    content: [{ type: "web_search_result", url: "https://a.example/", title: "A" }],
  }),
  ...block(4, { type: "mcp_tool_use", id: "m", name: "x", server_name: "s", input: { a: 1 } }),
  ...block(5, { type: "mcp_tool_result", tool_use_id: "m", is_error: false, content: [] }),
  ...block(6, { type: "text", text: "" }, { type: "text_delta", text: "First. " }),
  ...block(
    7,
    { type: "text", text: "" },
    {
      type: "citations_delta",
      citation: {
        type: "web_search_result_location",
        url: "https://a.example/",
        title: "A",
        cited_text: "a",
        encrypted_index: "eA",
      },
    },
    { type: "text_delta", text: "Second." },
  ),
  ...block(
    8,
    { type: "tool_use", id: "t", name: "weather", input: {} },
    { type: "input_json_delta", partial_json: '{"city":"Z"}' },
  ),
) as { type: string; [key: string]: unknown }[];

it("gives an Anthropic message to Anthropic's SDK as it was", async () => {
  const bytes = new TextEncoder().encode(namedSse(...whole));
  const read = (answer: (response: import("node:http").ServerResponse) => void) =>
    withProvider(answer, ({ anthropic }) =>
      anthropic.messages.stream(anthropicRequest).finalMessage(),
    );
  const direct = await read((response) => {
    response.writeHead(200, { "content-type": "text/event-stream" }).end(bytes);
  });
  const relayed = await read((response) => {
    const stream = AnthropicAdapter(streamOf([bytes]), { protocol: "anthropic" });
    void send(response, "anthropic", stream);
  });
  expect(relayed.content).toEqual(direct.content);
  expect(relayed.content).toHaveLength(9);
  expect(relayed.stop_reason).toBe(direct.stop_reason);
  expect(relayed.usage).toEqual(direct.usage);
});

it("reads its own output as the same parts", async () => {
  const bytes = new TextEncoder().encode(namedSse(...whole));
  const parts = await partsOf(readAnthropic(streamOf([bytes])));
  const again = AnthropicAdapter(streamOf([bytes]), { protocol: "anthropic" });
  const usage = (part: Part) => (part.type === "usage" ? { ...part, usage: undefined } : part);
  const reread = await partsOf(readAnthropic(again));
  expect(reread.map(usage)).toEqual(parts.map(usage));
});

it("begins a block when kind or block number changes, and closes it first", () => {
  const parts: Part[] = [
    start,
    { type: "text", text: "a", block: 0 },
    { type: "text", text: "b", block: 0 },
    { type: "text", text: "c", block: 2 },
    { type: "reasoning", text: "d" },
    { type: "text", text: "e" },
    finish,
  ];
  const events = writtenJson("anthropic", parts).map(({ type, index }) => `${type} ${index}`);
  expect(events.slice(1, -2)).toEqual([
    "content_block_start 0",
    "content_block_delta 0",
    "content_block_delta 0",
    "content_block_stop 0",
    "content_block_start 1",
    "content_block_delta 1",
    "content_block_stop 1",
    "content_block_start 2",
    "content_block_delta 2",
    "content_block_stop 2",
    "content_block_start 3",
    "content_block_delta 3",
    "content_block_stop 3",
  ]);
});

it("keeps calls apart whose arguments come in turns", async () => {
  const call = (id: string, index: number): Part => ({
    type: "tool-call-start",
    id,
    name: id,
    index,
  });
  const delta = (id: string, delta: string): Part => ({ type: "tool-call-delta", id, delta });
  const end = (id: string, json: string): Part => ({
    type: "tool-call",
    id,
    name: id,
    arguments: json,
    input: JSON.parse(json),
  });
  const message = await finalMessage([
    start,
    call("a", 0),
    delta("a", '{"x":'),
    call("b", 1),
    delta("b", '{"y":'),
    delta("a", "1}"),
    delta("b", "2}"),
    end("a", '{"x":1}'),
    end("b", '{"y":2}'),
    { type: "finish", reason: "tool-calls", raw: "tool_use" },
  ]);
  expect(message.content).toEqual([
    { type: "tool_use", id: "a", name: "a", input: { x: 1 } },
    { type: "tool_use", id: "b", name: "b", input: { y: 2 } },
  ]);
});

it("makes MCP blocks of tools that another provider ran", async () => {
  const own = { providerExecuted: true } as const;
  const message = await finalMessage([
    { ...start, format: "openai-responses" } as Part,
    { type: "tool-call-start", id: "w", name: "web_search", index: 0, ...own },
    { type: "tool-call-delta", id: "w", delta: '{"q":1}' },
    {
      type: "tool-call",
      id: "w",
      name: "web_search",
      arguments: '{"q":1}',
      input: { q: 1 },
      ...own,
      raw: { type: "web_search_call" },
    },
    { type: "tool-result", id: "w", name: "web_search", result: { a: 1 }, ...own, isError: true },
    finish,
  ]);
  expect(message.content).toEqual([
    { type: "mcp_tool_use", id: "w", name: "web_search", server_name: "provider", input: { q: 1 } },
    {
      type: "mcp_tool_result",
      tool_use_id: "w",
      is_error: true,
      content: [{ type: "text", text: '{"a":1}' }],
    },
  ]);
});

it("keeps sources for the text that comes after them", async () => {
  const message = await finalMessage([
    start,
    { type: "source", id: "s0", url: "https://a.example/", title: "A", text: "said" },
    { type: "source", id: "s1", title: "a file", start: 1, end: 2 },
    { type: "text", text: "Hi" },
    finish,
  ]);
  expect(message.content).toMatchObject([
    {
      type: "text",
      text: "Hi",
      citations: [
        { type: "web_search_result_location", url: "https://a.example/", cited_text: "said" },
        { type: "char_location", document_title: "a file", start_char_index: 1 },
      ],
    },
  ]);
});

it("says a refusal as text, with the reason that it is one", async () => {
  const parts: Part[] = [
    { ...start, format: "openai" } as Part,
    { type: "refusal", text: "No." },
    { type: "finish", reason: "refusal", raw: "stop" },
  ];
  const heard = await heardBy("anthropic", () => adapted(parts));
  expect(heard).toMatchObject({ text: "No.", finish: "refusal" });
});

it.each([
  ["stop", "end_turn"],
  ["length", "max_tokens"],
  ["tool-calls", "tool_use"],
  ["content-filter", "refusal"],
  ["refusal", "refusal"],
  ["pause", "pause_turn"],
  ["other", "end_turn"],
] satisfies [FinishReason, string][])("ends with %s as %s", async (reason, word) => {
  expect((await finalMessage([start, { type: "finish", reason }])).stop_reason).toBe(word);
});

import type { Response as OpenAIResponse } from "openai/resources/responses/responses";
import { expect, it } from "vitest";
import { OpenAIAdapter } from "../../lib/adapters/server.ts";
import type { FinishReason, Part } from "../../lib/streaming/index.ts";
import { namedSse, streamOf } from "../adapters/chunking.ts";
import { withProvider } from "../adapters/provider.ts";
import { heardBy, send } from "./clients.ts";
import { finish, start, writtenJson } from "./written.ts";

function adapted(parts: Iterable<Part | Uint8Array>): ReadableStream<Uint8Array> {
  return OpenAIAdapter(streamOf<Part | Uint8Array>(parts), { protocol: "openai-responses" });
}

function finalResponse(parts: Iterable<Part | Uint8Array>): Promise<OpenAIResponse> {
  return withProvider(
    (response) => void send(response, "openai-responses", adapted(parts)),
    ({ openai }) => openai.responses.stream({ model: "m", input: "Hi" }).finalResponse(),
  );
}

it("writes the events of OpenAI in their order", () => {
  const parts: Part[] = [
    start,
    { type: "text", text: "Hi" },
    { type: "text", text: " you" },
    { type: "tool-call-start", id: "c", name: "weather", index: 0, itemId: "fc_1" },
    { type: "tool-call-delta", id: "c", delta: "{}" },
    { type: "tool-call", id: "c", name: "weather", arguments: "{}", input: {} },
    finish,
  ];
  const events = writtenJson("openai-responses", parts);
  expect(events.map(({ type }) => type)).toEqual([
    "response.created",
    "response.in_progress",
    "response.output_item.added",
    "response.content_part.added",
    "response.output_text.delta",
    "response.output_text.delta",
    "response.output_text.done",
    "response.content_part.done",
    "response.output_item.done",
    "response.output_item.added",
    "response.function_call_arguments.delta",
    "response.function_call_arguments.done",
    "response.output_item.done",
    "response.completed",
  ]);
  expect(events.map(({ sequence_number }) => sequence_number)).toEqual([...events.keys()]);
  const [item_id] = [events[2].item.id];
  expect(item_id).toBe("msg_a1_0");
  expect(events[4]).toEqual({
    type: "response.output_text.delta",
    item_id,
    output_index: 0,
    content_index: 0,
    delta: "Hi",
    sequence_number: 4,
  });
  expect(events[10]).toEqual({
    type: "response.function_call_arguments.delta",
    item_id: "fc_1",
    output_index: 1,
    delta: "{}",
    sequence_number: 10,
  });
  expect(events.at(-1).response.output).toEqual([events[8].item, events[12].item]);
});

it("ends with the response whole, usage among it", async () => {
  const response = await finalResponse([
    start,
    { type: "reasoning", text: "Hm", block: 0 },
    { type: "reasoning", text: "", block: 0, signature: "ZW5j", itemId: "rs_1" },
    { type: "reasoning", text: "Sum", block: 1, summary: true },
    { type: "reasoning", text: "mary", block: 2, summary: true },
    { type: "reasoning", text: "", block: 3, redacted: "cmVk" },
    { type: "text", text: "a", block: 4 },
    { type: "text", text: "b", block: 5 },
    { type: "refusal", text: "No." },
    { type: "metadata", data: { room: 1, name: "x" } },
    {
      type: "usage",
      usage: {
        inputTokens: 3,
        outputTokens: 2,
        totalTokens: 5,
        cachedInputTokens: 1,
        reasoningTokens: 1,
      },
    },
    finish,
  ]);
  expect(response).toMatchObject({
    id: "a1",
    model: "m",
    created_at: 1,
    status: "completed",
    metadata: { room: "1", name: "x" },
    output_text: "ab",
    usage: {
      input_tokens: 3,
      input_tokens_details: { cached_tokens: 1 },
      output_tokens: 2,
      output_tokens_details: { reasoning_tokens: 1 },
      total_tokens: 5,
    },
    output: [
      {
        type: "reasoning",
        id: "rs_1",
        encrypted_content: "ZW5j",
        summary: [],
        content: [{ type: "reasoning_text", text: "Hm" }],
      },
      {
        type: "reasoning",
        summary: [
          { type: "summary_text", text: "Sum" },
          { type: "summary_text", text: "mary" },
        ],
      },
      { type: "reasoning", encrypted_content: "cmVk", summary: [] },
      {
        type: "message",
        content: [
          { type: "output_text", text: "a" },
          { type: "output_text", text: "b" },
          { type: "refusal", refusal: "No." },
        ],
      },
    ],
  });
});

it("gives a custom tool's input as it is", async () => {
  const { output } = await finalResponse([
    start,
    { type: "tool-call-start", id: "c", name: "sql", index: 0, custom: true },
    { type: "tool-call-delta", id: "c", delta: 'select "a"' },
    {
      type: "tool-call",
      id: "c",
      name: "sql",
      arguments: 'select "a"',
      input: 'select "a"',
      custom: true,
    },
    { type: "finish", reason: "tool-calls" },
  ]);
  expect(output).toMatchObject([
    { type: "custom_tool_call", call_id: "c", name: "sql", input: 'select "a"' },
  ]);
});

it("passes on the items of tools that OpenAI ran", async () => {
  const search = {
    type: "web_search_call",
    id: "ws_1",
    status: "completed",
    action: { type: "search", query: "a" },
  };
  const annotation = {
    type: "url_citation",
    url: "https://a.example/",
    title: "A",
    start_index: 0,
    end_index: 2,
  };
  const message = { type: "message", id: "msg_1", content: [] };
  const events = [
    { type: "response.created", response: { id: "resp_1", model: "m", output: [] } },
    { type: "response.output_item.added", output_index: 0, item: { ...search, action: undefined } },
    { type: "response.output_item.done", output_index: 0, item: search },
    { type: "response.output_item.added", output_index: 1, item: message },
    {
      type: "response.output_text.annotation.added",
      output_index: 1,
      content_index: 0,
      annotation,
    },
    { type: "response.output_text.delta", output_index: 1, content_index: 0, delta: "Hi" },
    { type: "response.completed", response: { id: "resp_1", status: "completed", output: [] } },
  ];
  const { output } = await finalResponse([new TextEncoder().encode(namedSse(...events))]);
  expect(output).toMatchObject([
    search,
    { type: "message", content: [{ type: "output_text", text: "Hi", annotations: [annotation] }] },
  ]);
});

it("makes MCP calls of tools that another provider ran", async () => {
  const own = { providerExecuted: true } as const;
  const call = (id: string, index: number): Part[] => [
    { type: "tool-call-start", id, name: "search", index, ...own },
    {
      type: "tool-call",
      id,
      name: "search",
      arguments: '{"q":1}',
      input: { q: 1 },
      ...own,
      raw: { type: "server_tool_use", id },
    },
  ];
  const { output } = await finalResponse([
    start,
    ...call("a", 0),
    { type: "tool-result", id: "a", name: "search", result: [1], ...own },
    ...call("b", 1),
    { type: "tool-result", id: "b", name: "search", result: "no", isError: true, ...own },
    ...call("c", 2),
    finish,
  ]);
  const item = { type: "mcp_call", name: "search", arguments: '{"q":1}' };
  expect(output).toMatchObject([
    { ...item, id: "a", status: "completed", output: "[1]", error: null },
    { ...item, id: "b", status: "failed", output: null, error: "no" },
    { ...item, id: "c", status: "incomplete", output: null },
  ]);
});

it("keeps calls apart whose arguments come in turns", async () => {
  const parts: Part[] = [start];
  for (const [index, id] of ["a", "b"].entries()) {
    parts.push({ type: "tool-call-start", id, name: id, index });
    parts.push({ type: "tool-call-delta", id, delta: `{"${id}":` });
  }
  parts.push({ type: "text", text: "meanwhile" });
  for (const id of ["a", "b"]) parts.push({ type: "tool-call-delta", id, delta: "1}" });
  for (const id of ["b", "a"]) {
    const json = `{"${id}":1}`;
    parts.push({ type: "tool-call", id, name: id, arguments: json, input: JSON.parse(json) });
  }
  const { output } = await finalResponse([...parts, finish]);
  expect(output).toMatchObject([
    { type: "function_call", call_id: "a", arguments: '{"a":1}' },
    { type: "function_call", call_id: "b", arguments: '{"b":1}' },
    { type: "message", content: [{ text: "meanwhile" }] },
  ]);
});

it("keeps sources for the text that comes after them", async () => {
  const { output } = await finalResponse([
    start,
    { type: "source", id: "s0", url: "https://a.example/", title: "A" },
    { type: "source", id: "s1", title: "a file" },
    { type: "text", text: "Hi" },
    { type: "source", id: "s2", url: "https://b.example/", start: 0, end: 2 },
    finish,
  ]);
  const annotations = [
    { type: "url_citation", url: "https://a.example/", title: "A", start_index: 0 },
    { type: "file_citation", file_id: "s1", filename: "a file" },
    { type: "url_citation", url: "https://b.example/", title: "", start_index: 0, end_index: 2 },
  ];
  expect(output).toMatchObject([{ content: [{ text: "Hi", annotations }] }]);
});

it.each([
  ["stop", "completed"],
  ["length", "max_output_tokens"],
  ["tool-calls", "completed"],
  ["content-filter", "content_filter"],
  ["refusal", "content_filter"],
  ["pause", "completed"],
  ["other", "completed"],
] satisfies [FinishReason, string][])("ends with %s as %s", async (reason, word) => {
  const heard = await heardBy("openai-responses", () =>
    adapted([start, { type: "text", text: "Hi" }, { type: "finish", reason }]),
  );
  expect(heard).toMatchObject({ text: "Hi", finish: word });
});

it("completes a refusal that it has sent", async () => {
  const refused: Part = { type: "finish", reason: "refusal" };
  const heard = await heardBy("openai-responses", () =>
    adapted([start, { type: "refusal", text: "No." }, { type: "text", text: "" }, refused]),
  );
  expect(heard).toMatchObject({ refusal: "No.", finish: "completed" });
});

it("fails an answer that is too long to be repeated at the end", async () => {
  const long: Part = { type: "text", text: "x".repeat(1 << 20) };
  let taken = 0;
  function* endless(): Generator<Part> {
    for (yield start; ; taken++) yield long;
  }
  const events = await new Response(adapted(endless())).text();
  expect(events.trimEnd().endsWith("}")).toBe(true);
  expect(events.slice(-20_000_000)).toContain('"message":"The answer is too long."');
  expect(taken).toBeLessThan(20);
});

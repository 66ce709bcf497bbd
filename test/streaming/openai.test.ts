import { expect, it } from "vitest";
import { readOpenAIChat } from "../../lib/adapters/index.ts";
import { OpenAIAdapter } from "../../lib/adapters/server.ts";
import { collectParts, type FinishReason, type Part } from "../../lib/streaming/index.ts";
import { streamOf } from "../adapters/chunking.ts";
import { heardBy } from "./clients.ts";
import { finish, start, written, writtenJson } from "./written.ts";

const head = '{"id":"a1","object":"chat.completion.chunk","created":1,"model":"m",';

function heard(parts: Part[]) {
  return heardBy("openai", () => OpenAIAdapter(streamOf(parts), { protocol: "openai" }));
}

it("writes what OpenAI writes", () => {
  const parts: Part[] = [
    start,
    { type: "text", text: 'H"i' },
    {
      type: "usage",
      usage: { inputTokens: 9, outputTokens: 2, totalTokens: 11, cachedInputTokens: 4 },
    },
    finish,
  ];
  expect(written("openai", parts)).toEqual([
    `${head}"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}`,
    `${head}"choices":[{"index":0,"delta":{"content":"H\\"i"},"finish_reason":null}]}`,
    `${head}"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}`,
    `${head}"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":2,"total_tokens":11,"prompt_tokens_details":{"cached_tokens":4}}}`,
    "[DONE]",
  ]);
});

it("ends an error with [DONE] as well", () => {
  const error: Part = { type: "error", code: "quota", message: "x", retryable: false };
  expect(written("openai", [error])).toEqual([
    '{"error":{"message":"The service has used up its share of the model.","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}',
    "[DONE]",
  ]);
});

it("counts only the tools that the client is to run", async () => {
  const own = { providerExecuted: true } as const;
  const result = await heard([
    start,
    { type: "tool-call-start", id: "p", name: "web_search", index: 0, ...own },
    { type: "tool-call-delta", id: "p", delta: "{}" },
    { type: "tool-call", id: "p", name: "web_search", arguments: "{}", input: {}, ...own },
    { type: "tool-result", id: "p", name: "web_search", result: 1, ...own },
    { type: "tool-call-start", id: "c", name: "weather", index: 1 },
    { type: "tool-call-delta", id: "c", delta: "[1]" },
    { type: "tool-call", id: "c", name: "weather", arguments: "[1]", input: [1] },
    { type: "finish", reason: "tool-calls" },
  ]);
  expect(result.toolCalls).toEqual([{ id: "c", name: "weather", input: [1] }]);
});

it("wraps the text of a custom tool in JSON", async () => {
  const custom = true as const;
  const result = await heard([
    start,
    { type: "tool-call-start", id: "c", name: "sql", index: 0, custom },
    { type: "tool-call-delta", id: "c", delta: 'select "a"' },
    { type: "tool-call-delta", id: "c", delta: "\n🌍" },
    { type: "tool-call", id: "c", name: "sql", arguments: "", input: "", custom },
    { type: "finish", reason: "tool-calls" },
  ]);
  expect(result.toolCalls).toEqual([{ id: "c", name: "sql", input: { input: 'select "a"\n🌍' } }]);
});

it("takes a call in one piece", async () => {
  const result = await heard([
    { type: "tool-call", id: "c", name: "weather", arguments: '{"a":1}', input: { a: 1 } },
    { type: "finish", reason: "tool-calls" },
  ]);
  expect(result.toolCalls).toEqual([{ id: "c", name: "weather", input: { a: 1 } }]);
});

it("sends a refusal as one, and says `stop` after it", async () => {
  const refused: Part = { type: "finish", reason: "refusal" };
  const result = await heard([start, { type: "refusal", text: "No." }, refused]);
  expect(result).toMatchObject({ refusal: "No.", text: "", finish: "stop" });
  expect((await heard([start, refused])).finish).toBe("content_filter");
});

it.each([
  ["stop", "stop"],
  ["length", "length"],
  ["tool-calls", "tool_calls"],
  ["content-filter", "content_filter"],
  ["pause", "stop"],
  ["other", "stop"],
] satisfies [FinishReason, string][])("ends with %s as %s", async (reason, word) => {
  expect((await heard([start, { type: "finish", reason }])).finish).toBe(word);
});

it("brings sources as annotations, which its reader and clients find", async () => {
  const parts: Part[] = [
    start,
    { type: "source", id: "s0", url: "https://a.example/", title: "A", start: 0, end: 2 },
    { type: "source", id: "s1", title: "a file" },
    { type: "text", text: "Hi" },
    { type: "source", id: "s2", url: "https://b.example/" },
    finish,
  ];
  const stream = OpenAIAdapter(streamOf(parts), { protocol: "openai" });
  const answer = await collectParts(readOpenAIChat(stream));
  expect(answer.sources.map(({ url }) => url)).toEqual([
    "https://a.example/",
    "https://b.example/",
  ]);
});

it("makes up what the provider did not say, and takes what the application says", () => {
  const [chunk] = writtenJson("openai", [{ type: "text", text: "Hi" }]);
  expect(chunk.id).toMatch(/^chatcmpl-\w{20}$/);
  expect(chunk.model).toBe("unknown");
  expect(Math.abs(chunk.created - Date.now() / 1000)).toBeLessThan(10);
  const [own] = writtenJson("openai", [start], { id: "mine", model: "ours" });
  expect(own).toMatchObject({ id: "mine", model: "ours", created: 1 });
});

it("tells metadata in a chunk of its own", async () => {
  const metadata: Part = { type: "metadata", data: { room: 1 } };
  expect(writtenJson("openai", [start, metadata])[1]).toMatchObject({
    choices: [],
    metadata: { room: 1 },
  });
  expect((await heard([start, metadata, { type: "text", text: "Hi" }, finish])).text).toBe("Hi");
});

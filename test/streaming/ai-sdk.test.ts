import { convertToModelMessages } from "ai";
import { expect, it } from "vitest";
import { OpenAIAdapter } from "../../lib/adapters/server.ts";
import type { FinishReason, Part } from "../../lib/streaming/index.ts";
import { streamOf } from "../adapters/chunking.ts";
import { withProvider } from "../adapters/provider.ts";
import { readChatUi, send } from "./clients.ts";
import { finish, start, written } from "./written.ts";

function read(parts: Part[]) {
  const adapted = () => OpenAIAdapter(streamOf(parts), { protocol: "ai-sdk" });
  return withProvider((response) => void send(response, "ai-sdk", adapted()), readChatUi);
}

it("writes a UI message stream", () => {
  const parts: Part[] = [
    start,
    { type: "reasoning", text: "Hm" },
    { type: "text", text: "Hi" },
    {
      type: "usage",
      usage: { inputTokens: 1, outputTokens: 2, totalTokens: 3, raw: { secret: 1 } },
    },
    finish,
  ];
  expect(written("ai-sdk", parts)).toEqual([
    '{"type":"start","messageId":"a1"}',
    '{"type":"start-step"}',
    '{"type":"reasoning-start","id":"reasoning-0"}',
    '{"type":"reasoning-delta","id":"reasoning-0","delta":"Hm"}',
    '{"type":"reasoning-end","id":"reasoning-0"}',
    '{"type":"text-start","id":"text-1"}',
    '{"type":"text-delta","id":"text-1","delta":"Hi"}',
    '{"type":"text-end","id":"text-1"}',
    '{"type":"finish-step"}',
    '{"type":"finish","finishReason":"stop","messageMetadata":{"usage":{"inputTokens":1,"outputTokens":2,"totalTokens":3}}}',
    "[DONE]",
  ]);
});

it("writes nothing but the error when nothing was said", () => {
  const error: Part = { type: "error", code: "x", message: "x", retryable: false };
  expect(written("ai-sdk", [error])).toEqual([
    '{"type":"error","errorText":"The answer failed."}',
    "[DONE]",
  ]);
});

it("makes a message of everything that an answer can hold", async () => {
  const own = { providerExecuted: true } as const;
  const { message, errors } = await read([
    start,
    { type: "source", id: "s0", url: "https://a.example/", title: "A" },
    { type: "source", id: "s1", title: "a file" },
    { type: "tool-call-start", id: "p", name: "search", index: 0, ...own },
    { type: "tool-call", id: "p", name: "search", arguments: "{}", input: {}, ...own },
    { type: "tool-result", id: "p", name: "search", result: [1], ...own },
    { type: "tool-call-start", id: "f", name: "fetch", index: 1, ...own },
    { type: "tool-call", id: "f", name: "fetch", arguments: "{}", input: {}, ...own },
    { type: "tool-result", id: "f", name: "fetch", result: { e: 1 }, isError: true, ...own },
    { type: "tool-call-start", id: "c", name: "weather", index: 2 },
    { type: "tool-call-delta", id: "c", delta: '{"a":1}' },
    { type: "tool-call", id: "c", name: "weather", arguments: '{"a":1}', input: { a: 1 } },
    { type: "tool-call-start", id: "b", name: "broken", index: 3 },
    { type: "tool-call-delta", id: "b", delta: '{"a' },
    { type: "tool-call", id: "b", name: "broken", arguments: '{"a', input: undefined },
    { type: "tool-result", id: "unknown", name: "x", result: 1 },
    { type: "metadata", data: { room: 1 } },
    { type: "refusal", text: "No." },
    { type: "finish", reason: "refusal" },
  ]);
  expect(errors).toEqual([]);
  expect(message?.metadata).toEqual({ room: 1 });
  expect(message?.parts).toMatchObject([
    { type: "step-start" },
    { type: "source-url", sourceId: "s0", url: "https://a.example/", title: "A" },
    { type: "source-document", sourceId: "s1", title: "a file" },
    { type: "tool-search", state: "output-available", output: [1], providerExecuted: true },
    { type: "tool-fetch", state: "output-error", errorText: '{"e":1}', providerExecuted: true },
    { type: "tool-weather", state: "input-available", input: { a: 1 } },
    { type: "tool-broken", state: "output-error", rawInput: '{"a' },
    { type: "text", text: "No.", state: "done" },
  ]);
});

it.each([
  [{ format: "anthropic" }, { signature: "s" }, { anthropic: { signature: "s" } }],
  [{ format: "anthropic" }, { redacted: "r" }, { anthropic: { redactedData: "r" } }],
  [
    { format: "openai-responses" },
    { signature: "s", itemId: "rs_1" },
    { openai: { itemId: "rs_1", reasoningEncryptedContent: "s" } },
  ],
  [{ format: "gemini" }, { signature: "s" }, { google: { thoughtSignature: "s" } }],
  [{}, { signature: "s" }, { provider: { signature: "s" } }],
])("leaves signatures where the SDK's provider looks for them: %j %j", async (own, part, told) => {
  const { message } = await read([
    { type: "start", ...own } as Part,
    { type: "reasoning", text: "", ...part },
    { type: "text", text: "Hi" },
    finish,
  ]);
  expect(message?.parts[1]).toMatchObject({ type: "reasoning", providerMetadata: told });
  expect(message?.parts).toHaveLength(3);
});

it("survives keys that the SDK's client refuses", async () => {
  const json = '{"a":[{"__proto__":{"x":1}}]}';
  const input = JSON.parse(json);
  const fine = { constructor: "Ferrari", nested: [null, { prototype: 1 }] };
  const call = (id: string, input: unknown): Part => {
    return { type: "tool-call", id, name: id, arguments: JSON.stringify(input), input };
  };
  const { message, errors } = await read([
    start,
    call("bad", input),
    call("worse", JSON.parse('{"constructor":{"prototype":{}}}')),
    call("fine", fine),
    { type: "tool-result", id: "fine", name: "fine", result: input },
    { type: "metadata", data: input },
    { type: "metadata", data: { room: 1 } },
    finish,
  ]);
  expect(errors).toEqual([]);
  expect(message?.metadata).toEqual({ room: 1 });
  expect(message?.parts.slice(1)).toMatchObject([
    { state: "output-error", rawInput: json, errorText: "The input has forbidden keys." },
    { state: "output-error" },
    { state: "output-available", input: fine, output: json },
  ]);
});

it("begins a step after the results of the application's tools", async () => {
  const { message } = await read([
    start,
    { type: "text", text: "Let me see." },
    { type: "tool-call-start", id: "c", name: "weather", index: 0 },
    { type: "tool-call", id: "c", name: "weather", arguments: "{}", input: {} },
    { type: "tool-result", id: "c", name: "weather", result: "sunny" },
    { type: "text", text: "It is sunny." },
    finish,
  ]);
  if (!message) throw new Error("no message");
  const sent = await convertToModelMessages([message]);
  expect(sent.map(({ role }) => role)).toEqual(["assistant", "tool", "assistant"]);
});

it("is read with the id that the application gave", async () => {
  const { message } = await withProvider((response) => {
    const options = { protocol: "ai-sdk", id: "mine" } as const;
    void send(response, "ai-sdk", OpenAIAdapter(streamOf([start, finish]), options));
  }, readChatUi);
  expect(message?.id).toBe("mine");
});

it("tells an abort apart from an error", async () => {
  const { chunks, errors, message } = await read([
    start,
    { type: "text", text: "Half" },
    { type: "abort" },
  ]);
  expect(errors).toEqual([]);
  expect(chunks.at(-1)).toEqual({ type: "abort", reason: "The answer was stopped." });
  expect(message?.parts.at(-1)).toMatchObject({ type: "text", text: "Half", state: "done" });
});

it.each([
  ["stop", "stop"],
  ["length", "length"],
  ["tool-calls", "tool-calls"],
  ["content-filter", "content-filter"],
  ["refusal", "content-filter"],
  ["pause", "other"],
  ["other", "other"],
] satisfies [FinishReason, string][])("ends with %s as %s", async (reason, word) => {
  const { chunks } = await read([start, { type: "finish", reason }]);
  expect(chunks.at(-1)).toEqual({ type: "finish", finishReason: word });
});

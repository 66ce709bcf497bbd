import { expect, it } from "vitest";
import type { Part } from "../../lib/streaming/index.ts";
import { finish, start, written } from "./written.ts";

it("has the six event types of AI Kit", () => {
  const parts: Part[] = [
    start,
    { type: "text", text: "Hi" },
    { type: "text", text: " you" },
    { type: "metadata", data: { room: 1 } },
    {
      type: "usage",
      usage: { inputTokens: 1, outputTokens: 2, totalTokens: 3, raw: { secret: 1 } },
    },
    finish,
  ];
  expect(written("events", parts)).toEqual([
    'start {"id":"a1","model":"m"}',
    'token {"token":"Hi","index":0}',
    'token {"token":" you","index":1}',
    'metadata {"room":1}',
    'usage {"promptTokens":1,"completionTokens":2,"totalTokens":3}',
    'metadata {"finishReason":"stop"}',
    "done {}",
  ]);
  const error: Part = { type: "error", code: "rate-limit", message: "x", retryable: true };
  expect(written("events", [start, { ...error, retryAfter: 1500 }]).slice(1)).toEqual([
    'error {"error":"The model gets too many requests. Try again later.","code":"RATE_LIMIT","retryAfter":1500}',
  ]);
  expect(written("events", [start, { type: "abort" }]).slice(1)).toEqual([
    'error {"error":"The answer was stopped.","code":"ABORTED"}',
  ]);
});

it("tells in metadata what it has no event for, without the provider's own objects", () => {
  const raw = { secret: true };
  const parts: Part[] = [
    start,
    { type: "reasoning", text: "Hm", block: 0 },
    { type: "source", id: "source_0", url: "https://a.example/", raw },
    { type: "tool-call-start", id: "t", name: "search", index: 0, providerExecuted: true },
    { type: "tool-call", id: "t", name: "search", arguments: "{}", input: {}, raw },
    { type: "tool-result", id: "t", name: "search", result: [1], raw },
  ];
  expect(written("events", parts).slice(1)).toEqual([
    'metadata {"type":"reasoning","text":"Hm","block":0}',
    'metadata {"type":"source","id":"source_0","url":"https://a.example/"}',
    'metadata {"type":"tool-call-start","id":"t","name":"search","index":0,"providerExecuted":true}',
    'metadata {"type":"tool-call-delta","id":"t","delta":"{}"}',
    'metadata {"type":"tool-call","id":"t","name":"search","arguments":"{}","input":{}}',
    'metadata {"type":"tool-result","id":"t","name":"search","result":[1]}',
  ]);
});

it("makes tokens of a refusal, and says why the answer ended", () => {
  const parts: Part[] = [
    start,
    { type: "refusal", text: "No." },
    { type: "finish", reason: "refusal" },
  ];
  expect(written("events", parts).slice(1)).toEqual([
    'token {"token":"No.","index":0}',
    'metadata {"finishReason":"refusal"}',
    "done {}",
  ]);
});

import { expect, it } from "vitest";
import { readGemini } from "../../lib/adapters/index.ts";
import { type Answer, collectParts } from "../../lib/streaming/index.ts";

function gemini(chunks: object[]): Promise<Answer> {
  return collectParts(readGemini(chunks));
}

function candidate(parts: object[], more: object = {}): object {
  return {
    responseId: "g1",
    modelVersion: "gemini",
    candidates: [{ content: { parts }, ...more }],
  };
}

const end = { finishReason: "STOP" };

it("text, thoughts and their signature are read", async () => {
  const thought = { text: "hm", thought: true };
  const signed = { text: "Hi", thoughtSignature: "sig" };
  const answer = await gemini([candidate([thought]), candidate([signed], end)]);
  expect(answer).toMatchObject({ id: "g1", model: "gemini", text: "Hi", reasoning: "hm" });
  expect(answer.parts()).toContainEqual({ type: "reasoning", text: "", signature: "sig" });
  expect(answer.finish).toEqual({ type: "finish", reason: "stop", raw: "STOP" });
});

it("function calls come whole and end the turn", async () => {
  const call = { functionCall: { name: "f", args: { x: 1 } } };
  const answer = await gemini([candidate([call, { functionCall: { name: "g" } }], end)]);
  expect(answer.toolCalls).toMatchObject([
    { id: "call_g1_0", name: "f", input: { x: 1 } },
    { id: "call_g1_1", name: "g", input: {} },
  ]);
  expect(answer.finishReason).toBe("tool-calls");
});

it("sources are the grounding chunks, each once", async () => {
  const chunk = { web: { uri: "https://a.example", title: "A" } };
  const groundingMetadata = { groundingChunks: [chunk, chunk, { retrievedContext: {} }] };
  const answer = await gemini([candidate([{ text: "Hi" }], { ...end, groundingMetadata })]);
  expect(answer.sources).toMatchObject([{ url: "https://a.example", title: "A" }]);
});

it.each([
  ["MAX_TOKENS", "length"],
  ["SAFETY", "content-filter"],
  ["MALFORMED_FUNCTION_CALL", "other"],
])("finishReason %s is %s", async (raw, reason) => {
  const answer = await gemini([candidate([{ text: "Hi" }], { finishReason: raw })]);
  expect(answer.finish).toEqual({ type: "finish", reason, raw });
});

it("a prompt that is blocked has no candidate", async () => {
  const answer = await gemini([{ promptFeedback: { blockReason: "SAFETY" } }]);
  expect(answer.finish).toEqual({ type: "finish", reason: "content-filter", raw: "SAFETY" });
});

it("an error is Google's own", async () => {
  const error = { code: 429, message: "slow down", status: "RESOURCE_EXHAUSTED" };
  const answer = await gemini([candidate([{ text: "Hi" }]), { error }]);
  expect(answer.error).toMatchObject({
    code: "rate-limit",
    status: 429,
    providerCode: "RESOURCE_EXHAUSTED",
    retryable: true,
  });
});

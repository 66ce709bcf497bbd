import { describe, expect, it } from "vitest";
import { readParts } from "../../lib/adapters/index.ts";
import { AIStream, type Message, type SseError } from "../../lib/client/index.ts";
import {
  type Answer,
  collectParts,
  createProtocolWriter,
  type FinishReason,
  type Part,
  type Protocol,
  protocolHeaders,
} from "../../lib/streaming/index.ts";
import { pieces, streamOf } from "../adapters/chunking.ts";
import { recordings } from "../adapters/recordings.ts";

const all: Protocol[] = ["events", "openai", "openai-responses", "anthropic", "ai-sdk"];

/** What the client makes of these bytes: a message, whether it is whole or has failed. */
async function read(
  bytes: Uint8Array | string,
  headers: Record<string, string> = { "content-type": "text/event-stream" },
  longest = 1 << 20,
): Promise<Message> {
  const whole = typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes;
  const body = streamOf(pieces(whole, longest));
  const fetch = async () => new Response(body, { headers });
  const stream = new AIStream({ endpoint: "http://x/chat", fetch, retry: false });
  await stream.send("Hi").catch(() => {});
  return stream.getMessages().at(-1) as Message;
}

function encode(protocol: Protocol, parts: Part[]): string {
  const writer = createProtocolWriter(protocol);
  return parts
    .flatMap((part) => writer.write(part))
    .map(({ event, data }) => `${event ? `event: ${event}\n` : ""}data: ${data}\n\n`)
    .join("");
}

const start: Part = { type: "start", id: "a1", model: "m-1", created: 1, format: "anthropic" };
const usage: Part = {
  type: "usage",
  usage: {
    inputTokens: 30,
    outputTokens: 20,
    totalTokens: 50,
    reasoningTokens: 5,
    cachedInputTokens: 10,
  },
};

/** Every type of part, between `start` and the end. */
const everything: Part[] = [
  start,
  { type: "metadata", data: { finishReason: 7, error: "none", type: "text-delta", usage: [] } },
  { type: "reasoning", text: "Let me ", block: 0 },
  { type: "reasoning", text: "think.", block: 0 },
  { type: "reasoning", text: "", block: 0, signature: "c2ln" },
  { type: "reasoning", text: "", block: 1, redacted: "aGlk" },
  { type: "text", text: " Hello,\nwor", block: 2 },
  { type: "text", text: "ld 🌍\r\u2028", block: 2 },
  { type: "source", id: "source_0", url: "https://x.test/", title: "T", block: 2 },
  { type: "tool-call-start", id: "c1", name: "search", index: 0, providerExecuted: true },
  { type: "tool-call-delta", id: "c1", delta: '{"q":1}' },
  {
    type: "tool-call",
    id: "c1",
    name: "search",
    arguments: '{"q":1}',
    input: { q: 1 },
    providerExecuted: true,
  },
  {
    type: "tool-result",
    id: "c1",
    name: "search",
    result: { error: "none", delta: "no text" },
    isError: true,
    providerExecuted: true,
  },
  { type: "text", text: "data: [DONE]\n\n", block: 3 },
  { type: "metadata", data: { last: true } },
  usage,
];
const text = " Hello,\nworld 🌍\r\u2028data: [DONE]\n\n";

const calls: Part[] = [
  { type: "tool-call-start", id: "c2", name: "weather", index: 0 },
  { type: "tool-call-delta", id: "c2", delta: "{}" },
  { type: "tool-call", id: "c2", name: "weather", arguments: "{}", input: {} },
];

/** What protocols have no words of their own for. */
const lossy: Partial<Record<Protocol, Partial<Record<FinishReason, FinishReason>>>> = {
  openai: { refusal: "content-filter", pause: "stop", other: "stop" },
  "openai-responses": { refusal: "content-filter", pause: "stop", other: "stop" },
  anthropic: { "content-filter": "refusal", other: "stop" },
  "ai-sdk": { refusal: "content-filter", pause: "other" },
};

describe.each(all)("what a server writes as %s", (protocol) => {
  const written = (parts: Part[], longest?: number) =>
    read(encode(protocol, parts), protocolHeaders(protocol), longest);

  it("is read, whatever parts it has, in pieces of any size", async () => {
    for (const longest of [1, 7, 300, 1 << 20]) {
      const message = await written([...everything, { type: "finish", reason: "stop" }], longest);
      expect(message).toMatchObject({
        content: text,
        reasoning: "Let me think.",
        status: "done",
        finishReason: "stop",
        usage: { promptTokens: 30, completionTokens: 20, totalTokens: 50 },
      });
    }
  });

  it("says what came from the cache and what was reasoning", async () => {
    const { usage } = await written([...everything, { type: "finish", reason: "stop" }]);
    if (protocol === "events") expect(usage).not.toHaveProperty("reasoningTokens");
    else expect(usage).toMatchObject({ reasoningTokens: 5, cachedInputTokens: 10 });
  });

  it.each<FinishReason>(["stop", "length", "content-filter", "refusal", "pause", "other"])(
    "ends with %s",
    async (reason) => {
      const message = await written([
        start,
        { type: "text", text: "x" },
        { type: "finish", reason },
      ]);
      expect(message.status).toBe("done");
      expect(message.finishReason).toBe(lossy[protocol]?.[reason] ?? reason);
    },
  );

  it("waits for tools", async () => {
    const message = await written([start, ...calls, { type: "finish", reason: "tool-calls" }]);
    expect(message).toMatchObject({ content: "", status: "done", finishReason: "tool-calls" });
  });

  it("declines, which is text", async () => {
    const message = await written([
      start,
      { type: "refusal", text: "I won't." },
      { type: "finish", reason: "refusal" },
    ]);
    const reason = protocol === "ai-sdk" ? "content-filter" : "refusal";
    expect(message).toMatchObject({ content: "I won't.", status: "done", finishReason: reason });
  });

  it.each([
    ["first", []],
    ["after its start", [start]],
    ["after all else", everything],
  ])("fails %s", async (_, parts) => {
    const message = await written([
      ...parts,
      { type: "error", code: "overloaded", message: "secret", retryable: true },
    ]);
    const said = "The model is overloaded. Try again later.";
    expect(message).toMatchObject({
      content: parts === everything ? text : "",
      status: "failed",
      error: { code: "answer-failed", message: `stream-llm: the answer failed: ${said}` },
    });
    const code = (message.error as SseError & { cause: { code?: string } }).cause.code;
    if (protocol !== "ai-sdk") expect(code).toMatch(/overloaded/i);
    if (parts === everything) expect(message.usage?.totalTokens).toBe(50);
  });

  it("is stopped by somebody else", async () => {
    const message = await written([...everything, { type: "abort", reason: "secret" }]);
    expect(message).toMatchObject({ content: text, status: "stopped" });
    expect(message).not.toHaveProperty("error");
  });

  it("is incomplete without its end, wherever it is cut", async () => {
    const parts: Part[] = [start, { type: "text", text: "Hello" }, usage];
    const message = await written(parts);
    expect(message).toMatchObject({
      content: "Hello",
      status: "failed",
      error: { code: "incomplete-stream" },
    });
    expect(await read("", protocolHeaders(protocol))).toMatchObject({
      status: "failed",
      error: { code: "incomplete-stream" },
    });
  });
});

/** Of the same bytes by the readers that servers use. */
function expected(answer: Answer) {
  const { text, reasoning, refusal, finishReason, usage, model } = answer as Answer & {
    refusal: string;
  };
  return { text: text + (refusal ?? ""), reasoning, finishReason, usage, model };
}

describe.each(recordings().filter(({ format }) => format !== "gemini"))("$name", ({ bytes }) => {
  it("is read as servers read it", async () => {
    const answer = expected(await collectParts(readParts(streamOf([bytes]))));
    for (const longest of [1, 50, 1 << 20]) {
      const message = await read(bytes, undefined, longest);
      expect(message).toMatchObject({
        content: answer.text,
        status: "done",
        finishReason: answer.finishReason,
        usage: {
          promptTokens: answer.usage?.inputTokens,
          completionTokens: answer.usage?.outputTokens,
          totalTokens: answer.usage?.totalTokens,
        },
      });
      expect(message.reasoning ?? "").toBe(answer.reasoning);
      for (const [theirs, ours] of [
        ["reasoningTokens", "reasoningTokens"],
        ["cachedInputTokens", "cachedInputTokens"],
        ["cacheWriteTokens", "cacheWriteTokens"],
      ] as const) {
        expect(message.usage?.[ours] ?? 0).toBe(answer.usage?.[theirs] ?? 0);
      }
    }
  });
});

describe("AI Kit's servers", () => {
  it("also send tokens and usage without names", async () => {
    const message = await read(
      [
        '{"token":"Hel"}',
        '{"token":"lo"}',
        '{"usage":{"promptTokens":1,"completionTokens":2,"totalTokens":3}}',
        "[DONE]",
      ]
        .map((data) => `data: ${data}\n\n`)
        .join(""),
    );
    expect(message).toMatchObject({
      content: "Hello",
      status: "done",
      usage: { promptTokens: 1, completionTokens: 2, totalTokens: 3 },
    });
  });
});

it("is whole where a server says in each chunk why the answer ended, or nothing", async () => {
  const chunk = (content: string, finish_reason: string) =>
    `data: ${JSON.stringify({ choices: [{ delta: { content }, finish_reason }] })}\n\n`;
  const message = await read(
    `${chunk("Hi", "")}${chunk("", "stop")}${chunk("", "")}data: [DONE]\n\n`,
  );
  expect(message).toMatchObject({ content: "Hi", status: "done", finishReason: "stop" });
});

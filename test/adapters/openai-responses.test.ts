import { describe, expect, it } from "vitest";
import { readOpenAIResponses } from "../../lib/adapters/index.ts";
import { partsOf, responses } from "./parts-of.ts";

type Event = Record<string, unknown>;

const created = {
  type: "response.created",
  response: { id: "r1", model: "m", created_at: 1, status: "in_progress" },
};
const usage = {
  input_tokens: 5,
  input_tokens_details: { cached_tokens: 2 },
  output_tokens: 7,
  output_tokens_details: { reasoning_tokens: 3 },
  total_tokens: 12,
};

function completed(output: unknown[] = [], more: Event = {}): Event {
  const response = { id: "r1", model: "m", status: "completed", output, usage, ...more };
  return { type: `response.${response.status}`, response };
}

/** An event of the item at `output_index`. */
function at(output_index: number, type: string, more: Event): Event {
  return { type: `response.${type}`, output_index, item_id: `item${output_index}`, ...more };
}

function textDelta(delta: string, output_index = 0, content_index = 0): Event {
  return at(output_index, "output_text.delta", { content_index, delta });
}

describe("text", () => {
  it("comes delta by delta, and once", async () => {
    const message = { type: "message", content: [{ type: "output_text", text: "Hi you" }] };
    const chunks = [
      created,
      at(0, "output_item.added", { item: { type: "message", content: [] } }),
      textDelta("Hi"),
      textDelta(" you"),
      at(0, "output_text.done", { content_index: 0, text: "Hi you" }),
      at(0, "output_item.done", { item: message }),
      completed([message]),
    ];
    expect(await partsOf(readOpenAIResponses(chunks))).toEqual([
      { type: "start", id: "r1", model: "m", created: 1, format: "openai-responses" },
      { type: "text", text: "Hi", block: 0 },
      { type: "text", text: " you", block: 0 },
      {
        type: "usage",
        usage: {
          inputTokens: 5,
          outputTokens: 7,
          totalTokens: 12,
          reasoningTokens: 3,
          cachedInputTokens: 2,
          raw: usage,
        },
      },
      { type: "finish", reason: "stop", raw: "completed" },
    ]);
  });

  const whole = { type: "message", content: [{ type: "output_text", text: "Hi" }] };
  it.each([
    ["the done event", at(0, "output_text.done", { content_index: 0, text: "Hi" })],
    ["the done item", at(0, "output_item.done", { item: whole })],
    ["the response", undefined],
  ])("that only %s tells is not lost", async (_, event) => {
    const answer = await responses([created, ...(event ? [event] : []), completed([whole])]);
    expect(answer.text).toBe("Hi");
  });

  it("of several parts and items has several blocks", async () => {
    const chunks = [created, textDelta("a"), textDelta("b", 0, 1), textDelta("c", 1), completed()];
    const blocks = (await responses(chunks)).parts().filter(({ type }) => type === "text");
    expect(blocks).toEqual(["a", "b", "c"].map((text, block) => ({ type: "text", text, block })));
  });

  it("is read without output_index", async () => {
    const item = { id: "x", type: "message", content: [{ type: "output_text", text: "Hi" }] };
    const chunks = [
      created,
      { type: "response.output_text.delta", item_id: "x", delta: "Hi" },
      { type: "response.output_item.done", item },
      completed([item]),
    ];
    expect((await responses(chunks)).text).toBe("Hi");
  });
});

describe("reasoning", () => {
  it("is the summary, with what the provider wants back", async () => {
    const item = { id: "rs_1", type: "reasoning", summary: [], encrypted_content: "secret" };
    const chunks = [
      created,
      at(0, "reasoning_summary_text.delta", { summary_index: 0, delta: "h" }),
      at(0, "reasoning_summary_text.delta", { summary_index: 0, delta: "m" }),
      at(0, "output_item.done", { item }),
      completed(),
    ];
    expect((await responses(chunks)).parts()[1]).toEqual({
      type: "reasoning",
      text: "hm",
      block: 0,
      summary: true,
      signature: "secret",
      itemId: "rs_1",
    });
  });

  it("is the text itself of models that show it", async () => {
    const delta = at(0, "reasoning_text.delta", { content_index: 0, delta: "hm" });
    const answer = await responses([created, delta, completed()]);
    expect(answer.parts()[1]).toEqual({ type: "reasoning", text: "hm", block: 0 });
  });

  it("keeps encrypted content that has no text", async () => {
    const item = { id: "rs_1", type: "reasoning", summary: [], encrypted_content: "secret" };
    const answer = await responses([created, completed([item])]);
    expect(answer.parts()[1]).toMatchObject({ text: "", signature: "secret", itemId: "rs_1" });
  });
});

describe("tool calls", () => {
  const call = { id: "fc_1", type: "function_call", call_id: "a", name: "f", arguments: "" };
  const whole = { ...call, arguments: '{"x":1}' };

  it("start, grow and end", async () => {
    const chunks = [
      created,
      at(0, "output_item.added", { item: call }),
      at(0, "function_call_arguments.delta", { delta: '{"x":' }),
      at(0, "function_call_arguments.delta", { delta: "1}" }),
      at(0, "function_call_arguments.done", { arguments: '{"x":1}' }),
      at(0, "output_item.done", { item: whole }),
      completed([whole]),
    ];
    expect((await partsOf(readOpenAIResponses(chunks))).slice(1, -2)).toEqual([
      { type: "tool-call-start", id: "a", name: "f", index: 0, itemId: "fc_1" },
      { type: "tool-call-delta", id: "a", delta: '{"x":' },
      { type: "tool-call-delta", id: "a", delta: "1}" },
      { type: "tool-call", id: "a", name: "f", arguments: '{"x":1}', input: { x: 1 } },
    ]);
    expect((await responses(chunks)).finishReason).toBe("tool-calls");
  });

  it("that only the response tells are not lost", async () => {
    const answer = await responses([created, completed([whole])]);
    expect(answer.toolCalls).toMatchObject([
      { id: "a", name: "f", input: { x: 1 }, complete: true },
    ]);
  });

  it("of a custom tool have text as input", async () => {
    const custom = { id: "i", type: "custom_tool_call", call_id: "a", name: "sql", input: "" };
    const chunks = [
      created,
      at(0, "output_item.added", { item: custom }),
      at(0, "custom_tool_call_input.delta", { delta: "SELECT 1" }),
      at(0, "output_item.done", { item: { ...custom, input: "SELECT 1" } }),
      completed(),
    ];
    expect((await responses(chunks)).toolCalls).toMatchObject([
      { input: "SELECT 1", custom: true },
    ]);
  });

  it("that the provider runs come with their results, and are nobody else's to run", async () => {
    const search = {
      id: "ws_1",
      type: "web_search_call",
      status: "completed",
      action: { query: "q" },
    };
    const mcp = {
      id: "mcp_1",
      type: "mcp_call",
      name: "roll",
      arguments: "{}",
      output: "4",
      error: null,
    };
    const answer = await responses([created, completed([search, mcp])]);
    expect(answer.toolCalls).toMatchObject([
      { id: "ws_1", name: "web_search", input: { query: "q" }, providerExecuted: true },
      { id: "mcp_1", name: "roll", input: {}, providerExecuted: true },
    ]);
    expect(answer.toolResults).toMatchObject([
      { id: "ws_1", result: null, raw: search },
      { id: "mcp_1", result: "4", raw: mcp },
    ]);
    expect(answer.finishReason).toBe("stop");
  });
});

it("sources are the annotations, each once", async () => {
  const cited = {
    type: "url_citation",
    url: "https://a.example",
    title: "A",
    start_index: 0,
    end_index: 2,
  };
  const file = { type: "file_citation", file_id: "f1", filename: "a.txt", index: 2 };
  const item = {
    type: "message",
    content: [{ type: "output_text", text: "Hi", annotations: [cited, file] }],
  };
  const chunks = [
    created,
    textDelta("Hi"),
    at(0, "output_text.annotation.added", { content_index: 0, annotation: cited }),
    at(0, "output_item.done", { item }),
    completed([item]),
  ];
  expect((await responses(chunks)).sources).toEqual([
    {
      type: "source",
      id: "source_0",
      url: "https://a.example",
      title: "A",
      start: 0,
      end: 2,
      block: 0,
      raw: cited,
    },
    { type: "source", id: "source_1", title: "a.txt", block: 0, raw: file },
  ]);
});

describe("the end", () => {
  it.each([
    ["max_output_tokens", "length"],
    ["content_filter", "content-filter"],
    ["something new", "other"],
  ])("incomplete for %s is %s", async (raw, reason) => {
    const more = { status: "incomplete", incomplete_details: { reason: raw } };
    const answer = await responses([created, textDelta("Hi"), completed([], more)]);
    expect(answer.finish).toEqual({ type: "finish", reason, raw });
    expect(answer.text).toBe("Hi");
  });

  it("is a refusal after refusal text", async () => {
    const refusal = at(0, "refusal.delta", { content_index: 0, delta: "I cannot" });
    const answer = await responses([created, refusal, completed()]);
    expect(answer).toMatchObject({ refusal: "I cannot", finishReason: "refusal" });
  });

  it("is an error when the response failed", async () => {
    const error = { code: "rate_limit_exceeded", message: "slow down" };
    const answer = await responses([created, completed([], { status: "failed", error })]);
    expect(answer.error).toMatchObject({
      code: "rate-limit",
      message: "slow down",
      retryable: true,
    });
    expect(answer.usage?.totalTokens).toBe(12);
  });

  it.each([
    ["flat", { type: "error", code: "server_error", message: "oh", param: null }],
    ["nested", { type: "error", error: { type: "server_error", message: "oh" } }],
  ])("is an error after an error event, %s", async (_, event) => {
    const answer = await responses([created, textDelta("Hi"), event, textDelta("no")]);
    expect(answer.error).toMatchObject({ code: "server-error", message: "oh", retryable: true });
    expect(answer.text).toBe("Hi");
  });

  it("is an abort when the response was cancelled", async () => {
    const answer = await responses([created, completed([], { status: "cancelled" })]);
    expect(answer.aborted).toEqual({ type: "abort", reason: "the response was cancelled" });
  });

  it("is an error when the stream just ends", async () => {
    const answer = await responses([created, textDelta("Hi")]);
    expect(answer.error).toMatchObject({ code: "incomplete-stream", retryable: true });
  });
});

it("event types that are not known yet are ignored", async () => {
  const unknown = [{ type: "response.hologram.delta", delta: "x" }, { type: "keepalive" }, {}];
  expect((await responses([created, ...unknown, textDelta("Hi"), completed()])).text).toBe("Hi");
});

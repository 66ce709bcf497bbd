import { describe, expect, it } from "vitest";
import { readAnthropic } from "../../lib/adapters/index.ts";
import { namedSse } from "./chunking.ts";
import { block, message, messageEnding, messages, partsOf } from "./parts-of.ts";

const text = (said: string) => ({ type: "text_delta", text: said });
const json = (partial_json: string) => ({ type: "input_json_delta", partial_json });

it("a message starts, speaks and ends", async () => {
  const chunks = message(...block(0, { type: "text", text: "" }, text("Hi"), text(" you")));
  expect(await partsOf(readAnthropic(chunks))).toEqual([
    { type: "start", id: "m1", model: "claude", format: "anthropic" },
    { type: "text", text: "Hi", block: 0 },
    { type: "text", text: " you", block: 0 },
    {
      type: "usage",
      usage: {
        inputTokens: 3,
        outputTokens: 5,
        totalTokens: 8,
        raw: { input_tokens: 3, output_tokens: 5 },
      },
    },
    { type: "finish", reason: "stop", raw: "end_turn" },
  ]);
});

it("text in the block's start counts", async () => {
  const chunks = message(...block(0, { type: "text", text: "Hi" }, text(" you")));
  expect((await messages(chunks)).text).toBe("Hi you");
});

describe("thinking", () => {
  it("has its signature", async () => {
    const deltas = [
      { type: "thinking_delta", thinking: "hm" },
      { type: "signature_delta", signature: "sig" },
    ];
    const thinking = { type: "thinking", thinking: "", signature: "" };
    const answer = await messages(message(...block(0, thinking, ...deltas)));
    expect(answer.parts()[1]).toEqual({
      type: "reasoning",
      text: "hm",
      block: 0,
      signature: "sig",
    });
  });

  it("that is redacted is kept as it is", async () => {
    const redacted = { type: "redacted_thinking", data: "secret" };
    const answer = await messages(message(...block(0, redacted)));
    expect(answer.parts()[1]).toEqual({
      type: "reasoning",
      text: "",
      block: 0,
      redacted: "secret",
    });
    expect(answer.reasoning).toBe("");
  });
});

describe("tools", () => {
  const tool = { type: "tool_use", id: "t1", name: "f", input: {} };

  it("are called with the JSON of the deltas", async () => {
    const chunks = messageEnding(
      "tool_use",
      ...block(1, tool, json(""), json('{"x":'), json("1}")),
    );
    expect((await partsOf(readAnthropic(chunks))).slice(1, -2)).toEqual([
      { type: "tool-call-start", id: "t1", name: "f", index: 0 },
      { type: "tool-call-delta", id: "t1", delta: '{"x":' },
      { type: "tool-call-delta", id: "t1", delta: "1}" },
      { type: "tool-call", id: "t1", name: "f", arguments: '{"x":1}', input: { x: 1 } },
    ]);
  });

  it.each([
    ["no deltas", tool, {}],
    ["the input at the start", { ...tool, input: { x: 1 } }, { x: 1 }],
  ])("are called with %s", async (_, started, input) => {
    const { toolCalls } = await messages(messageEnding("tool_use", ...block(0, started)));
    expect(toolCalls).toMatchObject([{ input, arguments: JSON.stringify(input), complete: true }]);
  });

  it("have no input when the arguments are cut short", async () => {
    const open = block(0, tool, json('{"x":')).slice(0, -1);
    const answer = await messages(messageEnding("max_tokens", ...open));
    expect(answer.toolCalls).toMatchObject([{ arguments: '{"x":', input: undefined }]);
    expect(answer.finishReason).toBe("length");
    const none = await messages(messageEnding("max_tokens", ...block(0, tool).slice(0, 1)));
    expect(none.toolCalls).toMatchObject([{ arguments: "", input: undefined, complete: true }]);
  });

  it("that Anthropic runs come with their results", async () => {
    const search = { type: "server_tool_use", id: "s1", name: "web_search", input: {} };
    const found = [{ type: "web_search_result", url: "https://a.example", title: "A" }];
    const result = { type: "web_search_tool_result", tool_use_id: "s1", content: found };
    const failed = {
      type: "web_search_tool_result",
      tool_use_id: "s1",
      content: { type: "web_search_tool_result_error", error_code: "unavailable" },
    };
    const answer = await messages(
      message(...block(0, search, json('{"query":"q"}')), ...block(1, result), ...block(2, failed)),
    );
    expect(answer.toolCalls).toMatchObject([
      { id: "s1", name: "web_search", input: { query: "q" }, providerExecuted: true },
    ]);
    expect(answer.toolResults).toEqual([
      {
        type: "tool-result",
        id: "s1",
        name: "web_search",
        result: found,
        providerExecuted: true,
        raw: result,
      },
      {
        type: "tool-result",
        id: "s1",
        name: "web_search",
        result: failed.content,
        isError: true,
        providerExecuted: true,
        raw: failed,
      },
    ]);
    expect(answer.finishReason).toBe("stop");
  });
});

it("citations are sources of their block", async () => {
  const web = {
    type: "web_search_result_location",
    url: "https://a.example",
    title: "A",
    cited_text: "x",
  };
  const document = {
    type: "char_location",
    document_title: "Doc",
    cited_text: "y",
    document_index: 0,
  };
  const deltas = [web, document].map((citation) => ({ type: "citations_delta", citation }));
  const chunks = message(...block(0, { type: "text", text: "Hi" }, ...deltas));
  expect((await messages(chunks)).sources).toEqual([
    {
      type: "source",
      id: "source_0",
      url: "https://a.example",
      title: "A",
      text: "x",
      block: 0,
      raw: web,
    },
    { type: "source", id: "source_1", title: "Doc", text: "y", block: 0, raw: document },
  ]);
});

it("blocks keep apart, in the order in which they began", async () => {
  const chunks = message(
    ...block(0, { type: "text", text: "a" }),
    ...block(1, { type: "thinking", thinking: "b" }),
    ...block(2, { type: "text", text: "c" }),
    ...block(3, { type: "text", text: "d" }),
  );
  const said = (await messages(chunks))
    .parts()
    .flatMap((part) => ("text" in part ? [part.text] : []));
  expect(said).toEqual(["a", "b", "c", "d"]);
});

describe("usage", () => {
  it("is cumulative: what comes later replaces, what is left out stays", async () => {
    const begun = {
      input_tokens: 10,
      cache_read_input_tokens: 4,
      cache_creation_input_tokens: 2,
      output_tokens: 1,
    };
    const chunks = [
      { type: "message_start", message: { id: "m1", usage: begun } },
      { type: "message_delta", delta: {}, usage: { output_tokens: 20 } },
      {
        type: "message_delta",
        delta: { stop_reason: "end_turn" },
        usage: {
          output_tokens: 30,
          input_tokens: null,
          output_tokens_details: { thinking_tokens: 9 },
        },
      },
      { type: "message_stop" },
    ];
    expect((await messages(chunks)).usage).toMatchObject({
      inputTokens: 16,
      outputTokens: 30,
      totalTokens: 46,
      cachedInputTokens: 4,
      cacheWriteTokens: 2,
      reasoningTokens: 9,
      raw: { ...begun, output_tokens: 30 },
    });
  });

  it("so far is told when the message breaks off", async () => {
    const answer = await messages(message().slice(0, 1));
    expect(answer.usage).toMatchObject({ inputTokens: 3, outputTokens: 1 });
    expect(answer.error?.code).toBe("incomplete-stream");
  });
});

describe("the end", () => {
  it.each([
    ["end_turn", "stop"],
    ["max_tokens", "length"],
    ["model_context_window_exceeded", "length"],
    ["tool_use", "tool-calls"],
    ["pause_turn", "pause"],
    ["refusal", "refusal"],
    ["something new", "other"],
  ])("stop_reason %s is %s", async (raw, reason) => {
    const answer = await messages(messageEnding(raw));
    expect(answer.finish).toEqual({ type: "finish", reason, raw });
  });

  it("keeps the stop sequence and the details", async () => {
    const delta = { stop_reason: "stop_sequence", stop_sequence: "END", stop_details: { a: 1 } };
    const answer = await messages([...message().slice(0, 1), { type: "message_delta", delta }]);
    expect(answer.finish).toEqual({
      type: "finish",
      reason: "stop",
      raw: "stop_sequence",
      stopSequence: "END",
      details: { a: 1 },
    });
  });

  it("is an error event inside HTTP 200", async () => {
    const error = {
      type: "error",
      error: { type: "overloaded_error", message: "Overloaded" },
      request_id: "r",
    };
    const begun = message(...block(0, { type: "text", text: "Hi" })).slice(0, 3);
    const answer = await messages([namedSse(...([...begun, error] as { type: string }[]))]);
    expect(answer.error).toEqual({
      type: "error",
      code: "overloaded",
      message: "Overloaded",
      retryable: true,
      providerType: "overloaded_error",
      raw: error.error,
    });
    expect(answer.text).toBe("Hi");
  });
});

it("pings and what is not known yet are ignored", async () => {
  const odd = [
    { type: "ping" },
    { type: "hologram" },
    ...block(0, { type: "hologram" }, { type: "hologram_delta" }),
  ];
  const answer = await messages(message(...odd, ...block(1, { type: "text", text: "Hi" })));
  expect(answer).toMatchObject({ text: "Hi", finishReason: "stop" });
});

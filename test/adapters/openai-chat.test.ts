import { describe, expect, it } from "vitest";
import { readOpenAIChat } from "../../lib/adapters/index.ts";
import { sse } from "./chunking.ts";
import { chat, delta, partsOf, stop } from "./parts-of.ts";

const usage = { prompt_tokens: 5, completion_tokens: 7, total_tokens: 12 };

describe("text", () => {
  it("comes part by part, between a start and a finish", async () => {
    expect(
      await partsOf(readOpenAIChat([delta({ content: "Hi" }), delta({ content: " you" }), stop])),
    ).toEqual([
      { type: "start", id: "c1", model: "m", created: 1, format: "openai" },
      { type: "text", text: "Hi" },
      { type: "text", text: " you" },
      { type: "finish", reason: "stop", raw: "stop" },
    ]);
  });

  it("is that of the first choice only", async () => {
    const other = {
      id: "c1",
      choices: [{ index: 1, delta: { content: "no" }, finish_reason: "stop" }],
    };
    expect(await chat([delta({ content: "yes" }), other, stop])).toMatchObject({ text: "yes" });
  });

  it("is read from content lists, with their thoughts (Mistral)", async () => {
    const thinking = { type: "thinking", thinking: [{ type: "text", text: "hm" }] };
    const content = [thinking, { type: "text", text: "Hi" }, { type: "image_url" }, null];
    expect(await chat([delta({ content }), stop])).toMatchObject({ text: "Hi", reasoning: "hm" });
  });

  it("keeps surrogate pairs whole that are split across chunks", async () => {
    const [high, low] = ["\ud83d", "\ude00"];
    const chunks = [delta({ content: `a${high}` }), delta({ content: `${low}b` }), stop];
    const parts = await partsOf(readOpenAIChat(chunks));
    expect(parts.filter(({ type }) => type === "text")).toEqual([
      { type: "text", text: "a" },
      { type: "text", text: "😀b" },
    ]);
    const broken = await chat([
      delta({ content: high }),
      delta({ content: "x" }),
      delta({ content: high }),
      stop,
    ]);
    expect(broken.text).toBe(`${high}x${high}`);
  });
});

describe("reasoning", () => {
  it.each([
    ["reasoning_content (DeepSeek)", { reasoning_content: "hm" }],
    ["reasoning (Ollama)", { reasoning: "hm" }],
    ["both, once (vLLM)", { reasoning: "hm", reasoning_content: "hm" }],
    [
      "reasoning_details (OpenRouter)",
      { reasoning_details: [{ type: "reasoning.text", text: "hm" }] },
    ],
    [
      "reasoning and its details, once (OpenRouter)",
      { reasoning: "hm", reasoning_details: [{ type: "reasoning.text", text: "hm" }] },
    ],
  ])("is read from %s", async (_, reasoning) => {
    const answer = await chat([delta(reasoning), delta({ content: "Hi" }), stop]);
    expect(answer).toMatchObject({ reasoning: "hm", text: "Hi" });
  });

  it("keeps signatures and encrypted blocks (OpenRouter)", async () => {
    const details = [
      { type: "reasoning.text", text: "hm", signature: "sig" },
      { type: "reasoning.encrypted", data: "secret" },
    ];
    const answer = await chat([delta({ reasoning_details: details }), stop]);
    expect(answer.parts().filter(({ type }) => type === "reasoning")).toEqual([
      { type: "reasoning", text: "hm", signature: "sig" },
      { type: "reasoning", text: "", redacted: "secret" },
    ]);
  });
});

describe("the end", () => {
  it.each([
    ["stop", "stop"],
    ["length", "length"],
    ["model_length", "length"],
    ["tool_calls", "tool-calls"],
    ["function_call", "tool-calls"],
    ["content_filter", "content-filter"],
    ["something new", "other"],
  ])("finish_reason %s is %s", async (raw, reason) => {
    const answer = await chat([delta({ content: "Hi" }), delta({}, raw)]);
    expect(answer.finish).toEqual({ type: "finish", reason, raw });
  });

  it("is a refusal after refusal text, whatever OpenAI calls it", async () => {
    const answer = await chat([delta({ refusal: "I can" }), delta({ refusal: "not" }), stop]);
    expect(answer).toMatchObject({ refusal: "I cannot", text: "", finishReason: "refusal" });
    expect(answer.finish?.raw).toBe("stop");
  });

  it.each([
    ["nothing at all", []],
    ["no finish_reason", [delta({ content: "Hi" })]],
    ["[DONE] without finish_reason", [sse(delta({ content: "Hi" }), "[DONE]")]],
    ["an empty body", [""]],
  ])("is an error after %s", async (_, chunks) => {
    const { error } = await chat(chunks);
    expect(error).toMatchObject({ code: "incomplete-stream", retryable: true });
    expect(error?.message).toContain("finish_reason");
  });

  it("waits for what comes after the finish_reason", async () => {
    const answer = await chat([
      stop,
      delta({ content: "" }, "stop"),
      { id: "c1", choices: [], usage },
    ]);
    expect(answer.finishReason).toBe("stop");
    expect(answer.usage?.totalTokens).toBe(12);
  });
});

describe("usage", () => {
  it.each([
    ["on a chunk without choices", [stop, { id: "c1", choices: [], usage }]],
    ["on the last chunk", [{ ...stop, usage }]],
    [
      "on every chunk, the last one counts",
      [
        { ...delta({ content: "a" }), usage: { prompt_tokens: 1 } },
        { ...stop, usage },
      ],
    ],
    ["in x_groq only", [{ ...stop, x_groq: { usage } }]],
    [
      "followed by null",
      [
        { ...stop, usage },
        { id: "c1", choices: [], usage: null },
      ],
    ],
  ])("is read %s", async (_, chunks) => {
    const { usage: read } = await chat(chunks);
    expect(read).toEqual({ inputTokens: 5, outputTokens: 7, totalTokens: 12, raw: usage });
  });

  it("may never come", async () => {
    expect((await chat([stop])).usage).toBeUndefined();
    expect((await chat([{ ...stop, usage: {} }])).usage).toBeUndefined();
  });

  it("is told of an answer that failed, too", async () => {
    const parts = await partsOf(readOpenAIChat([{ ...delta({ content: "a" }), usage }]));
    expect(parts.map(({ type }) => type)).toEqual(["start", "text", "usage", "error"]);
  });
});

describe("a start", () => {
  it("is not made of a first chunk that says nothing (Azure)", async () => {
    const filter = { id: "", model: "", created: 0, choices: [], prompt_filter_results: [] };
    const answer = await chat([filter, delta({ content: "Hi" }), stop]);
    expect(answer.start).toMatchObject({ id: "c1", model: "m" });
  });

  it("leaves out what the server leaves out", async () => {
    const [start] = await partsOf(readOpenAIChat([{ choices: [{ delta: { content: "Hi" } }] }]));
    expect(start).toEqual({ type: "start", format: "openai" });
  });
});

describe("sources", () => {
  it("are url citations", async () => {
    const url_citation = { url: "https://a.example", title: "A", start_index: 0, end_index: 2 };
    const annotations = [{ type: "url_citation", url_citation }];
    const answer = await chat([delta({ content: "Hi", annotations }), stop]);
    expect(answer.sources).toEqual([
      {
        type: "source",
        id: "source_0",
        url: "https://a.example",
        title: "A",
        start: 0,
        end: 2,
        raw: annotations[0],
      },
    ]);
  });

  it("are search results and citations that every chunk repeats, once (Perplexity, xAI)", async () => {
    const more = {
      citations: ["https://a.example", "https://b.example"],
      search_results: [{ url: "https://a.example", title: "A", snippet: "…" }],
    };
    const answer = await chat([
      { ...delta({ content: "Hi" }), ...more },
      { ...stop, ...more },
    ]);
    expect(answer.sources.map(({ url, title, text }) => [url, title, text])).toEqual([
      ["https://a.example", "A", "…"],
      ["https://b.example", undefined, undefined],
    ]);
  });
});

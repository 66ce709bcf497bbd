import { describe, expect, it } from "vitest";
import { readOpenAIChat, readParts } from "../../lib/adapters/index.ts";
import { collectParts, type Part } from "../../lib/streaming/index.ts";
import { within } from "../e2e/harness.ts";
import { sse } from "./chunking.ts";
import { block, delta, message, partsOf, stop } from "./parts-of.ts";

describe("the format shows", () => {
  const chat = [delta({ content: "Hi" }), stop];
  const anthropic = message(...block(0, { type: "text", text: "Hi" }));
  const response = { id: "r", status: "completed", output: [] };
  const responses = [
    { type: "response.created", response: {} },
    { type: "response.output_text.delta", delta: "Hi" },
    { type: "response.completed", response },
  ];
  const gemini = [{ candidates: [{ content: { parts: [{ text: "Hi" }] }, finishReason: "STOP" }] }];

  it.each([
    ["openai", chat],
    ["anthropic", anthropic],
    ["anthropic", [{ type: "ping" }, ...anthropic]],
    ["openai-responses", responses],
    ["gemini", gemini],
  ])("%s", async (format, chunks) => {
    const answers = [
      await collectParts(readParts(chunks as object[])),
      await collectParts(readParts([sse(...chunks)])),
    ];
    for (const answer of answers) {
      expect(answer).toMatchObject({ text: "Hi", finishReason: "stop", start: { format } });
    }
  });

  it("or not: after 16 chunks that say nothing, the reader gives up", async () => {
    const { error } = await collectParts(readParts(Array.from({ length: 17 }, () => ({ a: 1 }))));
    expect(error?.code).toBe("unknown-format");
    const few = await collectParts(readParts([{ a: 1 }]));
    expect(few.error?.code).toBe("incomplete-stream");
  });

  it("or fails before it shows", async () => {
    const { error } = await collectParts(
      readParts([{ error: { type: "server_error", message: "oh" } }]),
    );
    expect(error).toMatchObject({ code: "server-error", message: "oh" });
  });
});

describe("parts that are parts already", () => {
  it("pass", async () => {
    const chunks = [delta({ content: "Hi" }), stop];
    const parts = await partsOf(readOpenAIChat(chunks));
    expect(await partsOf(readParts(readOpenAIChat(chunks)))).toEqual(parts);
  });

  it("get a start, an order and one end", async () => {
    const given: Part[] = [
      { type: "text", text: "Hi" },
      { type: "usage", usage: { inputTokens: 1, outputTokens: 1, totalTokens: 2 } },
      { type: "metadata", data: { a: 1 } },
      { type: "finish", reason: "stop" },
      { type: "text", text: "no" },
      { type: "finish", reason: "stop" },
    ];
    expect((await partsOf(readParts(given))).map(({ type }) => type)).toEqual([
      "start",
      "text",
      "metadata",
      "usage",
      "finish",
    ]);
  });

  it("of an error keep its code", async () => {
    const failed: Part = { type: "error", code: "MINE", message: "oh", retryable: false };
    expect(await partsOf(readParts([failed]))).toEqual([failed]);
    expect(
      await partsOf(
        readParts([
          { type: "text", text: "Hi" },
          { ...failed, raw: 1 },
        ]),
      ),
    ).toContainEqual({ ...failed, raw: 1 });
  });

  it("that stop without an end are incomplete", async () => {
    const answer = await collectParts(readParts([{ type: "text", text: "Hi" }]));
    expect(answer.error?.code).toBe("incomplete-stream");
  });

  it("with anything but text in them are ignored", async () => {
    const odd = [{ type: "start" }, { type: "text" }, { type: "text", text: 5 }, { type: "usage" }];
    const answer = await collectParts(readParts([...odd, { type: "finish", reason: "stop" }]));
    expect(answer.parts().map(({ type }) => type)).toEqual(["start", "finish"]);
  });
});

describe("strings", () => {
  it.each([
    [["Hello ", "there"]],
    [["d", "ocument: a word"]],
    [["", "\n", "I", "d: 5"]],
    [["data", "base"]],
  ])("that are an answer's text (%j) say what is expected instead, at once", async (strings) => {
    async function* source() {
      yield* strings;
      await new Promise(() => {});
    }
    for (const read of [readParts, readOpenAIChat]) {
      const parts = await within(partsOf(read(source())), "the error");
      expect(parts).toEqual([
        {
          type: "error",
          code: "unknown-format",
          message:
            'the source yields strings that are no event stream; expected a provider\'s chunks, its event stream, or parts. Yield a part for each of them, { type: "text", text }, and { type: "finish", reason: "stop" } last',
          retryable: false,
        },
      ]);
    }
  });

  it.each([
    ["data: ", ""],
    ["\uFEFFdata: ", ""],
    [": waiting\n\ndata: ", ""],
    ["event: x\ndata: ", ""],
    ["retry: 5\n\nid: 5\ndata: ", ""],
  ])("that are an event stream (%j) are read, in pieces of any size", async (before) => {
    const text = `${before}${JSON.stringify(delta({ content: "Hi" }))}\n\ndata: ${JSON.stringify(stop)}\n\n`;
    const answer = await collectParts(readParts([...text]));
    expect(answer).toMatchObject({ text: "Hi", finishReason: "stop" });
  });
});

import { describe, expect, it } from "vitest";
import { Answer, collectParts, type Part } from "../../lib/streaming/index.ts";

const tool = { type: "tool-call-start", id: "a", name: "f", index: 0 } as const;
const usage = { inputTokens: 1, outputTokens: 2, totalTokens: 3 };

function answerOf(parts: Part[], maxChars?: number): Answer {
  const answer = new Answer(maxChars === undefined ? {} : { maxChars });
  for (const part of parts) answer.add(part);
  return answer;
}

function text(said: string, block?: number): Part {
  return block === undefined ? { type: "text", text: said } : { type: "text", text: said, block };
}

describe("an answer", () => {
  it("is empty at first", () => {
    const answer = new Answer();
    expect(answer.parts()).toEqual([]);
    expect([answer.text, answer.ended, answer.finishReason]).toEqual(["", false, undefined]);
  });

  it("adds up", async () => {
    const parts: Part[] = [
      { type: "start", id: "1", model: "m" },
      { type: "reasoning", text: "h" },
      { type: "reasoning", text: "m" },
      text("Hi"),
      text(" you"),
      { type: "refusal", text: "no" },
      tool,
      { type: "tool-call-delta", id: "a", delta: '{"x":' },
      { type: "tool-call-delta", id: "a", delta: "1}" },
      { type: "tool-call", id: "a", name: "f", arguments: '{"x":1}', input: { x: 1 } },
      { type: "tool-result", id: "a", name: "f", result: 5 },
      { type: "source", id: "s", url: "u" },
      { type: "usage", usage },
      { type: "finish", reason: "tool-calls" },
    ];
    const answer = await collectParts(parts);
    expect([answer.id, answer.model, answer.text]).toEqual(["1", "m", "Hi you"]);
    expect([answer.reasoning, answer.refusal]).toEqual(["hm", "no"]);
    expect(answer.toolCalls).toEqual([
      { id: "a", name: "f", arguments: '{"x":1}', input: { x: 1 }, complete: true },
    ]);
    expect([answer.toolResults.length, answer.sources.length]).toEqual([1, 1]);
    expect([answer.usage, answer.finishReason, answer.ended]).toEqual([usage, "tool-calls", true]);
  });

  it("shows tool calls that are under way", () => {
    const answer = answerOf([tool, { type: "tool-call-delta", id: "a", delta: '{"x' }]);
    expect(answer.toolCalls).toEqual([
      { id: "a", name: "f", arguments: '{"x', input: undefined, complete: false },
    ]);
  });

  it("ends once", () => {
    const failed: Part = { type: "error", code: "timeout", message: "no", retryable: true };
    const answer = answerOf([failed, text("late"), { type: "finish", reason: "stop" }]);
    expect([answer.error, answer.finish, answer.aborted]).toEqual([failed, undefined, undefined]);
    expect([answer.text, answer.finishReason]).toEqual(["", "error"]);
    const aborted = answerOf([{ type: "abort", reason: "why" }]);
    expect([aborted.aborted?.reason, aborted.finishReason]).toEqual(["why", undefined]);
  });
});

describe("its parts", () => {
  it("are merged where they belong together", () => {
    const parts: Part[] = [
      text("a", 0),
      text("b", 0),
      text("c", 1),
      { type: "reasoning", text: "x", block: 2 },
      { type: "reasoning", text: "y", block: 2, signature: "s", itemId: "i" },
      { type: "reasoning", text: "", block: 3, redacted: "r" },
      { type: "reasoning", text: "z", summary: true },
      text("d"),
      { type: "refusal", text: "e" },
      { type: "refusal", text: "f" },
    ];
    expect(answerOf(parts).parts()).toEqual([
      text("ab", 0),
      text("c", 1),
      { type: "reasoning", text: "xy", block: 2, signature: "s", itemId: "i" },
      { type: "reasoning", text: "", block: 3, redacted: "r" },
      { type: "reasoning", text: "z", summary: true },
      text("d"),
      { type: "refusal", text: "ef" },
    ]);
  });

  it("say the same answer again, and can be gone on from", () => {
    const first: Part[] = [{ type: "start", id: "1" }, text("a"), tool, text("b")];
    const rest: Part[] = [
      { type: "tool-call-delta", id: "a", delta: "{}" },
      text("c"),
      { type: "tool-call", id: "a", name: "f", arguments: "{}", input: {} },
      { type: "usage", usage },
      { type: "finish", reason: "stop" },
    ];
    const early = answerOf(first).parts();
    expect(answerOf([...early, ...rest]).parts()).toEqual(answerOf([...first, ...rest]).parts());
    const whole = answerOf([...first, ...rest]).parts();
    expect(answerOf(whole).parts()).toEqual(whole);
    expect(answerOf(JSON.parse(JSON.stringify(whole))).parts()).toEqual(whole);
  });

  it("do not change when the answer goes on, nor does it when they do", () => {
    const answer = answerOf([text("a")]);
    const [before] = answer.parts();
    answer.add(text("b"));
    expect(before).toEqual(text("a"));
    Object.assign(answer.parts()[0] as object, { text: "x" });
    expect(answer.text).toBe("ab");
  });
});

describe("its memory", () => {
  it("is bounded: what is kept stays a prefix, and the end is known", () => {
    const parts: Part[] = Array.from({ length: 1000 }, () => text("0123456789"));
    const answer = answerOf(
      [...parts, { type: "usage", usage }, { type: "finish", reason: "stop" }],
      1000,
    );
    expect(answer.truncated).toBe(true);
    expect(answer.text.length).toBeGreaterThan(900);
    expect(answer.text.length).toBeLessThanOrEqual(1000);
    expect([answer.usage, answer.finishReason]).toEqual([usage, "stop"]);
  });

  it.each<[string, (at: number) => Part]>([
    ["reasoning", (at) => ({ type: "reasoning", text: "x", block: at })],
    ["signatures", () => ({ type: "reasoning", text: "", signature: "s".repeat(50) })],
    ["tool calls", (at) => ({ ...tool, id: `${at}` })],
    ["tool results", () => ({ type: "tool-result", id: "a", name: "f", result: "x".repeat(50) })],
    ["sources", (at) => ({ type: "source", id: `${at}`, url: "u" })],
    ["metadata", () => ({ type: "metadata", data: {} })],
  ])("is bounded for %s, too", (_, part) => {
    const answer = answerOf(
      Array.from({ length: 1000 }, (__, at) => part(at)),
      5000,
    );
    expect(answer.truncated).toBe(true);
    expect(answer.parts().length).toBeLessThan(100);
  });

  it("leaves out what cannot be measured", () => {
    const loop: Record<string, unknown> = {};
    loop.loop = loop;
    const answer = answerOf([{ type: "metadata", data: loop }]);
    expect(answer.truncated).toBe(true);
  });

  it.each([[-1], [Number.NaN]])("cannot be bounded by %d", (maxChars) => {
    expect(() => new Answer({ maxChars })).toThrow(
      expect.objectContaining({ code: "invalid-option" }),
    );
  });

  it("and time grow with the answer, not with its square", () => {
    const started = performance.now();
    const answer = new Answer();
    for (let at = 0; at < 1_000_000; at++) answer.add(text("token "));
    expect(answer.text).toHaveLength(6_000_000);
    // Copying the text at each token would take minutes.
    expect(performance.now() - started).toBeLessThan(5000);
  });
});

it("collectParts reads async and plain iterables", async () => {
  async function* parts(): AsyncGenerator<Part> {
    yield text("a");
    yield { type: "finish", reason: "stop" };
  }
  expect((await collectParts(parts())).text).toBe("a");
  expect((await collectParts([text("a")], { maxChars: 0 })).truncated).toBe(true);
});

import { describe, expect, it } from "vitest";
import { readOpenAIChat } from "../../lib/adapters/index.ts";
import { chat, delta, partsOf } from "./parts-of.ts";

type Call = Record<string, unknown>;

function calls(...tool_calls: Call[]): object {
  return delta({ tool_calls });
}

const end = delta({}, "tool_calls");
const first = { index: 0, id: "a", function: { name: "f", arguments: '{"x":' } };
const second = { index: 1, id: "b", function: { name: "g", arguments: "" } };

async function read(...chunks: object[]): Promise<[string, string, unknown][]> {
  const answer = await chat([...chunks, end]);
  expect(answer.finishReason).toBe("tool-calls");
  return answer.toolCalls.map(({ id, name, input }) => [id, name, input]);
}

it("a tool call starts, grows and ends", async () => {
  const parts = await partsOf(
    readOpenAIChat([calls(first), calls({ index: 0, function: { arguments: "1}" } }), end]),
  );
  expect(parts.slice(1)).toEqual([
    { type: "tool-call-start", id: "a", name: "f", index: 0 },
    { type: "tool-call-delta", id: "a", delta: '{"x":' },
    { type: "tool-call-delta", id: "a", delta: "1}" },
    { type: "tool-call", id: "a", name: "f", arguments: '{"x":1}', input: { x: 1 } },
    { type: "finish", reason: "tool-calls", raw: "tool_calls" },
  ]);
});

describe("deltas find their call", () => {
  const expected = [
    ["a", "f", { x: 1 }],
    ["b", "g", { y: 2 }],
  ];
  const one = { function: { arguments: "1}" } };
  const two = { function: { arguments: '{"y":2}' } };

  it("by index, in any order", async () => {
    expect(
      await read(calls(first, second), calls({ index: 1, ...two }), calls({ index: 0, ...one })),
    ).toEqual(expected);
  });

  it("by id, without an index", async () => {
    const { index: _, ...f } = first;
    const { index: __, ...g } = second;
    expect(
      await read(calls(f), calls(g), calls({ id: "b", ...two }), calls({ id: "a", ...one })),
    ).toEqual(expected);
  });

  it("by order, with neither", async () => {
    const { index: _, ...f } = first;
    const { index: __, ...g } = second;
    expect(await read(calls(f), calls(one), calls(g), calls(two))).toEqual(expected);
  });

  it("by id, when every call has index 0 (Gemini)", async () => {
    const f = { index: 0, id: "a", function: { name: "f", arguments: '{"x":1}' } };
    const g = { index: 0, id: "b", function: { name: "f", arguments: '{"y":2}' } };
    expect(await read(calls(f, g))).toEqual([expected[0], ["b", "f", { y: 2 }]]);
  });

  it("by index, when every delta has an id of its own (old vLLM)", async () => {
    expect(await read(calls(first), calls({ index: 0, id: "z", ...one }))).toEqual([expected[0]]);
  });

  it("by index, when id and name are repeated", async () => {
    expect(
      await read(calls(first), calls({ ...first, function: { name: "f", arguments: "1}" } })),
    ).toEqual([expected[0]]);
  });
});

describe("what servers leave out", () => {
  it("a name that comes late", async () => {
    const parts = await partsOf(
      readOpenAIChat([
        calls({ index: 0, id: "a", function: { arguments: '{"x"' } }),
        calls({ index: 0, function: { name: "f", arguments: ":1}" } }),
        end,
      ]),
    );
    expect(parts.slice(1, 4)).toEqual([
      { type: "tool-call-start", id: "a", name: "f", index: 0 },
      { type: "tool-call-delta", id: "a", delta: '{"x"' },
      { type: "tool-call-delta", id: "a", delta: ":1}" },
    ]);
  });

  it("a name that never comes", async () => {
    expect(await read(calls({ index: 0, id: "a", function: { arguments: "{}" } }))).toEqual([
      ["a", "", {}],
    ]);
  });

  it("ids", async () => {
    const [f, g] = [
      { name: "f", arguments: "{}" },
      { name: "g", arguments: "{}" },
    ];
    expect(await read(calls({ index: 0, id: "", function: f }, { index: 1, function: g }))).toEqual(
      [
        ["call_c1_0", "f", {}],
        ["call_c1_1", "g", {}],
      ],
    );
  });

  it("ids and indexes, of calls that come whole", async () => {
    const f = (x: number) => ({ function: { name: "f", arguments: `{"x":${x}}` } });
    expect(await read(calls(f(1)), calls(f(2)))).toEqual([
      ["call_c1_0", "f", { x: 1 }],
      ["call_c1_1", "f", { x: 2 }],
    ]);
  });

  it("distinct ids", async () => {
    const f = { index: 0, id: "call_c1_1", function: { name: "f", arguments: "{}" } };
    const ids = (await read(calls(f, { ...f, index: 1 }, { ...f, index: 2 }))).map(([id]) => id);
    expect(new Set(ids).size).toBe(3);
  });

  it("arguments of a tool without parameters", async () => {
    expect(
      await read(calls({ index: 0, id: "a", function: { name: "f", arguments: "" } })),
    ).toEqual([["a", "f", {}]]);
  });

  it("the quotes around arguments", async () => {
    expect(
      await read(calls({ index: 0, id: "a", function: { name: "f", arguments: { x: 1 } } })),
    ).toEqual([["a", "f", { x: 1 }]]);
  });

  it("the finish_reason's difference from stop (Ollama, Gemini)", async () => {
    const answer = await chat([
      calls({ ...first, function: { name: "f", arguments: "{}" } }),
      delta({}, "stop"),
    ]);
    expect(answer.finish).toEqual({ type: "finish", reason: "tool-calls", raw: "stop" });
  });
});

it("a legacy function_call is a tool call", async () => {
  const chunks = [
    delta({ function_call: { name: "f", arguments: "" } }),
    delta({ function_call: { arguments: '{"x":1}' } }),
  ];
  expect(await read(...chunks)).toEqual([["call_c1_0", "f", { x: 1 }]]);
});

it("a custom tool's input is text", async () => {
  const custom = { index: 0, id: "a", type: "custom", custom: { name: "sql", input: "SELECT" } };
  const answer = await chat([calls(custom), calls({ index: 0, custom: { input: " 1" } }), end]);
  expect(answer.toolCalls).toEqual([
    {
      id: "a",
      name: "sql",
      arguments: "SELECT 1",
      input: "SELECT 1",
      complete: true,
      custom: true,
    },
  ]);
});

it("arguments that are cut short have no input", async () => {
  const answer = await chat([calls(first), delta({}, "length")]);
  expect(answer.toolCalls).toEqual([
    { id: "a", name: "f", arguments: '{"x":', input: undefined, complete: true },
  ]);
});

it("a call is not complete when the stream breaks off", async () => {
  const answer = await chat([calls(first)]);
  expect(answer.toolCalls).toMatchObject([{ arguments: '{"x":', complete: false }]);
  expect(answer.error?.code).toBe("incomplete-stream");
});

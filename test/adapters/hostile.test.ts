import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  readAnthropic,
  readGemini,
  readOpenAIChat,
  readOpenAIResponses,
  readParts,
} from "../../lib/adapters/index.ts";
import { collectParts } from "../../lib/streaming/index.ts";
import { sse } from "./chunking.ts";
import { expectOrder } from "./order.ts";
import { block, chat, delta, message, messages, partsOf, responses, stop } from "./parts-of.ts";

const readers = { readOpenAIChat, readOpenAIResponses, readAnthropic, readGemini, readParts };

const usage = { prompt_tokens: 1, completion_tokens: 2 };
const call = { index: 0, id: "a", function: { name: "f", arguments: '{"x":1}' } };
const valid: object[][] = [
  [
    delta({ content: "Hi", reasoning: "hm", refusal: "no", tool_calls: [call] }),
    {
      ...delta({ annotations: [{ type: "url_citation", url_citation: { url: "u" } }] }, "stop"),
      usage,
    },
  ],
  [
    { type: "response.created", response: { id: "r", model: "m" } },
    {
      type: "response.output_item.added",
      output_index: 0,
      item: { type: "function_call", id: "i", call_id: "a", name: "f" },
    },
    { type: "response.function_call_arguments.delta", output_index: 0, delta: "{}" },
    { type: "response.output_text.delta", output_index: 1, content_index: 0, delta: "Hi" },
    {
      type: "response.completed",
      response: {
        status: "completed",
        output: [{ type: "reasoning", summary: [{ text: "hm" }], encrypted_content: "e" }],
        usage: { input_tokens: 1 },
      },
    },
  ],
  message(
    ...block(0, { type: "text", text: "" }, { type: "text_delta", text: "Hi" }),
    ...block(
      1,
      { type: "tool_use", id: "a", name: "f" },
      { type: "input_json_delta", partial_json: "{}" },
    ),
    ...block(2, { type: "web_search_tool_result", tool_use_id: "s", content: [] }),
  ),
  [
    {
      candidates: [
        {
          content: { parts: [{ text: "Hi" }, { functionCall: { name: "f" } }] },
          finishReason: "STOP",
        },
      ],
    },
  ],
];

/** Anything JSON, with the keys that JavaScript is sensitive to. */
const odd = fc.oneof(
  fc.jsonValue(),
  fc.constantFrom<unknown>(null, -1, 1e308, 2 ** 53, 0.5, "", "__proto__", "constructor", [], {}),
  fc
    .constantFrom('{"__proto__":{"polluted":1}}', '{"constructor":{"prototype":{"polluted":1}}}')
    .map((json) => JSON.parse(json) as unknown),
);

/** Every place in a value, as a list of keys. */
function places(value: unknown, path: string[] = []): string[][] {
  if (typeof value !== "object" || value === null) return [path];
  return [path, ...Object.entries(value).flatMap(([key, inner]) => places(inner, [...path, key]))];
}

function replaced(value: unknown, [key, ...rest]: string[], by: unknown): unknown {
  if (key === undefined) return by;
  const copy = structuredClone(value) as Record<string, unknown>;
  copy[key] = replaced(copy[key], rest, by);
  return copy;
}

const mutated = fc.constantFrom(...valid).chain((chunks) => {
  const change = fc.tuple(
    fc.constantFrom(...places(chunks).filter((path) => path.length > 0)),
    odd,
  );
  return fc.array(change, { minLength: 1, maxLength: 3 }).map((changes) =>
    changes.reduce<object[]>((current, [path, by]) => {
      try {
        return replaced(current, path, by) as object[];
      } catch {
        return current;
      }
    }, chunks),
  );
});

it("the order of parts holds, and nothing is thrown, whatever a chunk holds", async () => {
  const run = async (chunks: object[], read: (typeof readers)[keyof typeof readers]) => {
    expectOrder(await partsOf(read(chunks)));
    expectOrder(await partsOf(read([sse(...chunks)])));
  };
  const read = fc.constantFrom(...Object.values(readers));
  await fc.assert(fc.asyncProperty(mutated, read, run), { numRuns: 3000 });
  expect("polluted" in {}).toBe(false);
}, 120_000);

it("the order of parts holds whatever the bytes are", async () => {
  const words = fc.constantFrom(
    "data:",
    "event:",
    "\n",
    "\n\n",
    "\r",
    "{",
    "}",
    '"',
    "[DONE]",
    ": x",
    "\0",
  );
  const text = fc.array(fc.oneof(words, fc.string()), { maxLength: 40 }).map((all) => all.join(""));
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    text.map((all) => new TextEncoder().encode(all)),
  );
  const read = fc.constantFrom(...Object.values(readers));
  await fc.assert(
    fc.asyncProperty(fc.array(bytes, { maxLength: 4 }), read, async (chunks, read) => {
      expectOrder(await partsOf(read(chunks)));
    }),
    { numRuns: 2000 },
  );
}, 120_000);

describe.each(Object.entries(readers))("%s survives", (_, read) => {
  it.each([
    ["chunks that are no objects", [null, undefined, 5, "text", true, Symbol("x"), () => {}]],
    ["empty objects and arrays", [{}, [], { choices: [] }, { choices: [null] }]],
    [
      "null choices",
      [{ choices: null }, { choices: [{ delta: null }] }, { choices: [{ delta: 5 }] }],
    ],
    ["choices as an object", [{ choices: { 0: { delta: { content: "x" } }, length: 1 } }]],
    ["types that are no text", [{ type: 5 }, { type: null }, { type: {} }, { type: ["error"] }]],
    ["an error of every type", [{ error: null }, { error: 5 }, { error: [] }, { error: "" }]],
    ["a getter that throws", [Object.defineProperty({}, "choices", { get: () => never() })]],
    ["a proxy that throws", [new Proxy({}, { get: never, has: never })]],
    ["a chunk that is itself", [circular()]],
  ])("%s", async (__, chunks) => {
    expectOrder(await partsOf(read(chunks)));
  });

  it("deep nesting, as JSON and as an object", async () => {
    const deep = `${"[".repeat(200_000)}${"]".repeat(200_000)}`;
    const inside = JSON.stringify(delta({ content: "Hi" }, "stop")).replace(
      '"id"',
      `"deep":${deep},"id"`,
    );
    expectOrder(await partsOf(read([`data: ${inside}\n\n`])));
    let object: unknown = "x";
    for (let depth = 0; depth < 50_000; depth++) object = { error: object };
    expectOrder(await partsOf(read([object])));
  });

  it("an endless stream of errors only once", async () => {
    let read_ = 0;
    function* endless(): Generator<object> {
      for (; read_ < 1000; read_++) yield { type: "error", error: { message: "no" } };
    }
    expectOrder(await partsOf(read(endless())));
    expect(read_).toBeLessThan(3);
  });
});

describe("tool calls of a hostile provider", () => {
  it("have any index, and still their own count", async () => {
    const indexes = [2 ** 53, -1, 0.5, 1e308, "7", null, {}];
    const tool_calls = indexes.map((index, at) => ({
      index,
      id: `id${at}`,
      function: { name: "f", arguments: "{}" },
    }));
    const parts = await partsOf(readOpenAIChat([delta({ tool_calls }), delta({}, "tool_calls")]));
    expectOrder(parts);
    expect(parts.filter(({ type }) => type === "tool-call")).toHaveLength(indexes.length);
  });

  it.each([["__proto__"], ["constructor"], ["toString"]])("are named %s", async (name) => {
    const odd = { index: 0, id: name, function: { name, arguments: `{"${name}":{"polluted":1}}` } };
    const answer = await chat([delta({ tool_calls: [odd] }), delta({}, name)]);
    expect(answer.toolCalls).toMatchObject([{ id: name, name, complete: true }]);
    expect(answer.finishReason).toBe("other");
    expect("polluted" in {}).toBe(false);
  });

  it.each([[5], [null], [true], [["x"]]])("have deltas that are no text: %j", async (given) => {
    const odd = { index: 0, id: "a", function: { name: "f", arguments: given } };
    const said = delta({ content: given, refusal: given, reasoning: given, tool_calls: [odd] });
    const answer = await chat([said, stop]);
    expect(answer).toMatchObject({ text: "", reasoning: "", refusal: "" });
    expect(answer.toolCalls).toMatchObject([{ arguments: "{}" }]);
  });

  it("are at most 1024", async () => {
    const tool_calls = Array.from({ length: 2000 }, (_, index) => ({
      index,
      function: { name: "f" },
    }));
    const { error, toolCalls } = await chat([delta({ tool_calls }), stop]);
    expect(error).toMatchObject({ code: "too-large", retryable: false });
    expect(toolCalls).toHaveLength(1024);
  });

  it("have at most so many arguments", async () => {
    const more = { index: 0, id: "a", function: { name: "f", arguments: "x".repeat(100) } };
    const chunks = Array.from({ length: 20 }, () => delta({ tool_calls: [more] }));
    expect((await chat([...chunks, stop], { maxEventChars: 1000 })).error?.code).toBe("too-large");
    const nameless = { index: 0, id: "a", function: { arguments: "x".repeat(100) } };
    const early = Array.from({ length: 20 }, () => delta({ tool_calls: [nameless] }));
    expect((await chat([...early, stop], { maxEventChars: 1000 })).error?.code).toBe("too-large");
  });
});

describe("what a reader holds is bounded", () => {
  it("of Anthropic's blocks and usage", async () => {
    const open = Array.from({ length: 5000 }, (_, index) => ({
      type: "content_block_start",
      index,
      content_block: { type: "text" },
    }));
    expect((await messages(message(...open))).error?.code).toBe("too-large");
    const keys = Array.from({ length: 500 }, (_, at) => ({
      type: "message_delta",
      usage: { [`key${at}`]: at, ["__proto__"]: { polluted: 1 } },
    }));
    const { usage } = await messages(message(...keys));
    expect(Object.keys(usage?.raw as object).length).toBeLessThanOrEqual(64);
    expect(usage).toMatchObject({ inputTokens: 3, outputTokens: 5 });
    expect("polluted" in {}).toBe(false);
  });

  it("of Responses' items", async () => {
    const many = Array.from({ length: 5000 }, (_, output_index) => ({
      type: "response.output_text.delta",
      output_index,
      delta: "x",
    }));
    expect((await responses(many)).error?.code).toBe("too-large");
  });

  it("of sources", async () => {
    const citations = Array.from({ length: 5000 }, (_, at) => `https://a.example/${at}`);
    const answer = await chat([{ ...delta({}), citations }, stop]);
    expect(answer.sources).toHaveLength(4096);
    expect(answer.finishReason).toBe("stop");
  });
});

it("a model's JSON keeps keys that mean something to JavaScript, as its own", async () => {
  const args = '{"__proto__":{"polluted":1},"a":1}';
  const odd = { index: 0, id: "a", function: { name: "f", arguments: args } };
  const { toolCalls } = await collectParts(readOpenAIChat([delta({ tool_calls: [odd] }), stop]));
  const [call] = toolCalls;
  expect(Object.keys(Object(call?.input))).toEqual(["__proto__", "a"]);
  expect(Object(call?.input).polluted).toBeUndefined();
});

function never(): never {
  throw new Error("hostile");
}

function circular(): object {
  const chunk: Record<string, unknown> = { choices: [], error: undefined };
  chunk.choices = [chunk];
  chunk.delta = chunk;
  chunk.tool_calls = [chunk];
  chunk.function = { name: "f", arguments: chunk };
  return chunk;
}

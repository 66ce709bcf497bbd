import { spawnSync } from "node:child_process";
import { countTokens } from "gpt-tokenizer/encoding/o200k_base";
import { afterEach, expect, it, vi } from "vitest";
import {
  createMeter,
  type MeterOptions,
  type Part,
  type Prompt,
} from "../../lib/streaming/server.ts";

const built = new URL("../../dist/streaming/server.js", import.meta.url).href;
const start: Part = { type: "start", model: "m" };
const text = (text: string): Part => ({ type: "text", text });

async function estimated(parts: Part[], options?: MeterOptions) {
  const meter = createMeter(options);
  for (const part of parts) meter.part(part);
  return meter.finish();
}

afterEach(() => {
  vi.doUnmock("gpt-tokenizer/encoding/o200k_base");
  vi.resetModules();
});

it("estimates what was written before a stop, with reasoning and tool calls", async () => {
  const report = await estimated([
    start,
    { type: "reasoning", text: "Let me think about it." },
    text("The answer is forty-two."),
    { type: "refusal", text: " No more." },
    { type: "tool-call-start", id: "c", name: "weather", index: 0 },
    { type: "tool-call-delta", id: "c", delta: '{"city":' },
    { type: "tool-call-delta", id: "c", delta: '"Paris"}' },
    { type: "tool-call", id: "c", name: "weather", arguments: '{"city":"Paris"}', input: {} },
    { type: "tool-result", id: "c", name: "weather", result: "sunny ".repeat(1000) },
    { type: "abort" },
  ]);
  const written = 'Let me think about it.The answer is forty-two. No more.weather{"city":"Paris"}';
  expect(report.estimated).toBe(true);
  expect(report.usage).toMatchObject({
    inputTokens: undefined,
    outputTokens: countTokens(written),
    totalTokens: undefined,
  });
});

it("leaves the cost of the input open when the prompt is unknown", async () => {
  const prices = { m: { input: 1, output: 1e6 } };
  const { cost } = await estimated([start, text("one two")], { prices });
  expect(cost).toEqual({ input: undefined, output: 2, total: undefined });
});

it.each<[string, Prompt, number]>([
  ["a text", "one two three", 3],
  ["an empty text", "", 0],
  ["messages", [{ role: "user", content: "one two" }], 1 + 2 + 3 + 3],
  [
    "messages of parts",
    [{ role: "user", content: [{ type: "text", text: "one two" }, { type: "image_url" }, null] }],
    1 + 2 + 3 + 3,
  ],
  ["messages that are none", [null, 5, { content: 7 }] as unknown as Prompt, 3 * 3 + 3],
])("estimates the input from %s", async (_, prompt, tokens) => {
  const { usage } = await estimated([start], { prompt });
  expect(usage).toMatchObject({ inputTokens: tokens, outputTokens: 0, totalTokens: tokens });
});

it("takes what Anthropic reports at the start for the input only", async () => {
  const provisional = { inputTokens: 25, outputTokens: 1, totalTokens: 26, cachedInputTokens: 5 };
  const report = await estimated([
    { ...start, format: "anthropic" },
    text("one two three four five"),
    { type: "usage", usage: provisional },
    { type: "abort" },
  ]);
  expect(report.estimated).toBe(true);
  expect(report.usage).toMatchObject({ inputTokens: 25, outputTokens: 5, totalTokens: 30 });
  expect(report.usage?.cachedInputTokens).toBe(5);
});

it("estimates nothing for a request that failed before the first chunk", async () => {
  const error: Part = { type: "error", code: "rate-limit", message: "slow down", retryable: true };
  const report = await estimated([error], { prompt: "one", model: "m", prices: {} });
  expect(report).toMatchObject({ usage: undefined, estimated: false, cost: undefined });
});

it.each([
  ["special tokens", "<|endoftext|><|im_start|>"],
  ["lone surrogates", "\ud800\udfff".repeat(10).slice(1)],
  ["no place to split", "a".repeat(2000)],
])("counts text with %s", async (_, written) => {
  const { usage } = await estimated([start, text(written)]);
  expect(usage?.outputTokens).toBeGreaterThan(0);
});

it("tokenizes the beginning of a long answer, and takes the rest to be alike", async () => {
  const words = " word".repeat(200_000);
  const pieces = Array.from({ length: 100 }, (_, i) =>
    text(words.slice(i * 10_000, (i + 1) * 10_000)),
  );
  const counted = vi.fn((given: string) => countTokens(given));
  vi.doMock("gpt-tokenizer/encoding/o200k_base", () => ({
    countTokens: counted,
    clearMergeCache: () => {},
  }));
  vi.resetModules();
  const { createMeter } = await import("../../lib/streaming/server.ts");
  for (const parts of [pieces, [text(words)]]) {
    counted.mockClear();
    const meter = createMeter();
    for (const part of parts) meter.part(part);
    const { usage } = await meter.finish();
    expect(Math.abs((usage?.outputTokens ?? 0) / 200_000 - 1)).toBeLessThan(0.01);
    const lengths = counted.mock.calls.map(([given]) => given.length);
    expect(lengths.reduce((sum, length) => sum + length)).toBe(65_536);
    expect(Math.max(...lengths)).toBe(1024);
  }
});

async function withTokenizer(tokenizer: () => object) {
  vi.doMock("gpt-tokenizer/encoding/o200k_base", tokenizer);
  vi.resetModules();
  const { createMeter } = await import("../../lib/streaming/server.ts");
  const meter = createMeter({ prompt: "one" });
  meter.part(start);
  meter.part(text("one two"));
  return meter.finish();
}

it("estimates nothing, silently, without gpt-tokenizer", () => {
  const absent = `export function resolve(name, context, next) {
    if (!name.startsWith("gpt-tokenizer")) return next(name, context);
    throw Object.assign(new Error(name), { code: "ERR_MODULE_NOT_FOUND" });
  }`;
  const program = `
    import { register } from "node:module";
    register("data:text/javascript," + encodeURIComponent(${JSON.stringify(absent)}));
    const { createMeter } = await import(${JSON.stringify(built)});
    const meter = createMeter({ prompt: "one", onUsage: () => console.log("called") });
    meter.part({ type: "start" });
    meter.part({ type: "text", text: "one two" });
    const { status, usage, estimated } = await meter.finish();
    console.log(JSON.stringify({ status, usage, estimated }));`;
  const args = ["--input-type=module", "-e", program];
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
  expect(stderr).toBe("");
  expect(JSON.parse(stdout)).toEqual({ status: "aborted", estimated: false });
});

it.each([
  [
    "loaded",
    () => {
      throw new Error("corrupt");
    },
  ],
  [
    "used",
    () => ({
      countTokens: () => {
        throw new Error("corrupt");
      },
      clearMergeCache: () => {},
    }),
  ],
])("warns of a gpt-tokenizer that cannot be %s", async (_, tokenizer) => {
  const warned = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
  const { usage } = await withTokenizer(tokenizer);
  expect(usage).toBeUndefined();
  expect(warned).toHaveBeenCalledTimes(1);
  warned.mockRestore();
});

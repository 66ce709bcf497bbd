import { expect, it } from "vitest";
import { type AdapterOptions, AnthropicAdapter, OpenAIAdapter } from "../../lib/adapters/server.ts";
import type { Part, Report } from "../../lib/streaming/server.ts";
import { streamOf } from "../adapters/chunking.ts";
import { delta, message, stop } from "../adapters/parts-of.ts";

/** The options that fill `reports`, each run's last. */
function reporting(options: AdapterOptions = {}) {
  const calls: [hook: string, report: Report][] = [];
  let finish = (_: Report) => {};
  const finished = new Promise<Report>((resolve) => {
    finish = resolve;
  });
  const hooks: AdapterOptions = {
    onUsage: (_, report) => calls.push(["usage", report]),
    onFinish: (report) => {
      calls.push(["finish", report]);
      finish(report);
    },
  };
  return { options: { ...options, ...hooks }, calls, finished };
}

const usage = { choices: [], usage: { prompt_tokens: 1000, completion_tokens: 200 } };

it("tells usage and cost when the answer has ended", async () => {
  const { options, calls, finished } = reporting({ prices: { m: { input: 3, output: 15 } } });
  const chunks = [delta({ content: "Hi" }), stop, usage];
  await new Response(OpenAIAdapter(streamOf(chunks), options)).text();
  const report = await finished;
  expect(calls.map(([hook]) => hook)).toEqual(["usage", "finish"]);
  expect(report).toMatchObject({ model: "m", status: "finished", estimated: false });
  expect(report.usage).toMatchObject({ inputTokens: 1000, outputTokens: 200, totalTokens: 1200 });
  expect(report.cost?.total).toBeCloseTo(0.006, 12);
});

it("tells what Anthropic's message used", async () => {
  const { options, finished } = reporting();
  await new Response(AnthropicAdapter(streamOf(message()), options)).text();
  expect((await finished).usage).toMatchObject({ inputTokens: 3, outputTokens: 5 });
});

it("tells of an error of the provider", async () => {
  const { options, finished } = reporting();
  const chunks = [delta({ content: "Hi" }), { error: { message: "busy", code: 503 } }];
  await new Response(OpenAIAdapter(streamOf(chunks), options)).text();
  expect(await finished).toMatchObject({ status: "failed", finishReason: undefined });
});

it("estimates what a client that went away has had, and asks once", async () => {
  const { options, calls, finished } = reporting({ prompt: "one two three" });
  const endless: AsyncIterable<Part | object> = {
    async *[Symbol.asyncIterator]() {
      for (;;) yield delta({ content: "one two" });
    },
  };
  const reader = OpenAIAdapter(endless, options).getReader();
  await reader.read();
  await reader.read();
  await reader.cancel();
  expect(await finished).toMatchObject({ status: "aborted", estimated: true });
  expect((await finished).usage).toMatchObject({ inputTokens: 3, outputTokens: 2 });
  expect(calls).toHaveLength(2);
});

it("refuses a price that is none before the provider is read", () => {
  let read = false;
  const source = {
    [Symbol.asyncIterator]: () => {
      read = true;
      return { next: () => new Promise<never>(() => {}) };
    },
  };
  const prices = { m: { input: 1, output: Number.NaN } };
  const { options } = reporting({ prices });
  expect(() => OpenAIAdapter(source, options)).toThrow(
    expect.objectContaining({ code: "invalid-option" }),
  );
  expect(read).toBe(false);
});

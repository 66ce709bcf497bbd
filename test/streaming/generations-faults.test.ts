import { describe, expect, it } from "vitest";
import type { GenerationLimits, Part, Protocol } from "../../lib/streaming/server.ts";
import { sse } from "../adapters/chunking.ts";
import { delta } from "../adapters/parts-of.ts";
import { withProvider } from "../adapters/provider.ts";
import { errorOf, eventually, strayErrors } from "../e2e/harness.ts";
import { make, openTab, Scripted, serveGenerations, text } from "./generations-setup.ts";
import { finish, start } from "./written.ts";

const refused = { error: { message: "slow down, key sk-123", type: "rate_limit_error" } };

/** A cause stays in the process that ran the generation. */
function withoutCause(state: unknown): unknown {
  return JSON.parse(JSON.stringify(state, (key, value) => (key === "cause" ? undefined : value)));
}

/** What the watchers and the application are told of a generation that fails. */
async function failed(source: () => unknown, limits: GenerationLimits = {}) {
  const strays = strayErrors();
  const generations = make({ limits });
  const url = await serveGenerations(generations);
  const starting = generations.start("a", source as never);
  const tab = await openTab(url("a"));
  const { finished } = await starting;
  await tab.ended;
  const state = await finished;
  expect(withoutCause(await generations.get("a"))).toEqual(withoutCause(state));
  const late = await openTab(url("a"));
  await late.ended;
  expect(late.events.at(-1)?.data).toBe(tab.events.at(-1)?.data);
  expect([tab.text, late.text]).toEqual([state.text, state.text]);
  expect(tab.body).not.toContain("sk-123");
  expect(await strays()).toEqual([]);
  return { state, told: JSON.parse(tab.events.at(-1)?.data ?? "") };
}

const half = [delta({ content: "half" })];

describe("a provider that fails", () => {
  it("before its first token is an end like any other", async () => {
    const status = { status: 429, headers: { "content-type": "application/json" } };
    const { state, told } = await failed(async () => new Response(JSON.stringify(refused), status));
    expect(state).toMatchObject({ status: "failed", text: "", error: { code: "rate-limit" } });
    expect(told.code).toBe("RATE_LIMIT");
  });

  it.each<[string, () => unknown, string]>([
    [
      "throws when asked",
      () => {
        throw new Error("no");
      },
      "source-error",
    ],
    ["rejects", () => Promise.reject(new TypeError("fetch failed")), "connection-error"],
    ["gives nothing to read", () => undefined, "source-error"],
    [
      "is a locked stream",
      () => {
        const s = new ReadableStream();
        s.getReader();
        return s;
      },
      "source-error",
    ],
  ])("that %s is an end like any other", async (_, source, code) => {
    const { state } = await failed(source);
    expect(state).toMatchObject({ status: "failed", text: "", error: { code } });
  });

  it.each<[string, string, string]>([
    ["in the middle, inside HTTP 200", sse(...half, refused), "rate-limit"],
    ["by a stream that is cut", sse(...half), "incomplete-stream"],
    ["by a chunk that is no JSON", sse(...half, "{"), "invalid-chunk"],
  ])("%s leaves what there is of the answer", async (_, body, code) => {
    await withProvider(body, async ({ url }) => {
      const { state } = await failed(() => fetch(url));
      expect(state).toMatchObject({ status: "failed", text: "half", error: { code } });
    });
  });

  it("by parts that have no JSON leaves those before", async () => {
    const bad = { type: "metadata", data: { big: 1n } } as Part;
    const { state } = await failed(() => [start, text("half"), bad, finish]);
    expect(state).toMatchObject({ text: "half", error: { code: "source-error" } });
    const end = { type: "error", code: "x", message: "m", retryable: false, raw: 1n } as Part;
    expect((await failed(() => [start, text("half"), end])).state.error?.code).toBe("x");
  });
});

describe("a limit", () => {
  it("of silence ends the generation, before the first part and after", async () => {
    const quiet = await failed(() => new Promise(() => {}), { idle: 30 });
    expect(quiet.state).toMatchObject({ text: "", error: { code: "idle-timeout" } });
    const provider = new Scripted();
    provider.say(start, "half");
    const { state, told } = await failed(() => provider.source(new AbortController()), {
      idle: 30,
    });
    expect(state).toMatchObject({ text: "half", error: { code: "idle-timeout", retryable: true } });
    expect(told).toEqual({
      error: "The model fell silent. Try again later.",
      code: "IDLE_TIMEOUT",
    });
    expect(provider.stopped).toBe(true);
  });

  it("of time ends the generation", async () => {
    const provider = new Scripted();
    provider.say(start, "half");
    const { state } = await failed(() => provider.source(new AbortController()), { duration: 50 });
    expect(state).toMatchObject({ text: "half", error: { code: "max-duration" } });
  });

  it("of bytes ends the generation, with what fitted", async () => {
    const parts = [start, text("half"), text("x".repeat(5000)), text("late"), finish];
    const { state } = await failed(() => parts, { bytes: 4000 });
    expect(state).toMatchObject({ text: "half", error: { code: "max-bytes" } });
    const tiny = Array.from({ length: 1000 }, () => text("x"));
    expect((await failed(() => [start, ...tiny], { bytes: 4000 })).state.text.length).toBeLessThan(
      64,
    );
  });

  it("of generations at once is one for each key", async () => {
    const generations = make({ limits: { concurrent: 2 } });
    const provider = new Scripted();
    const key = "ada";
    await generations.start("1", provider.source, { key });
    await generations.start("2", () => new Promise(() => {}), { key });
    const error = await errorOf(() => generations.start("3", provider.source, { key }));
    expect(error).toMatchObject({ name: "SseError", code: "too-many-generations" });
    await generations.start("4", () => new Promise(() => {}), { key: "bob" });
    expect(await generations.stop("1")).toBe(true);
    await generations.start("3", () => new Promise(() => {}), { key });
    expect(await errorOf(() => generations.start("5", provider.source, { key }))).toMatchObject({
      code: "too-many-generations",
    });
    // One that is refused for another reason takes no place.
    await errorOf(() => generations.start("4", provider.source, { key: "bob" }));
    await generations.start("6", () => new Promise(() => {}), { key: "bob" });
  });
});

const terminals: Record<Protocol, RegExp> = {
  events: /^event:error\nid:.*\ndata:.*"code":"ABORTED"/m,
  openai: /"code":"aborted"[\s\S]*\[DONE\]/,
  "openai-responses": /^event:response.incomplete$/m,
  anthropic: /^event:error$/m,
  "ai-sdk": /"type":"abort"/,
};

it.each(Object.keys(terminals) as Protocol[])("a stop is told in %s", async (protocol) => {
  const generations = make({ protocol });
  const url = await serveGenerations(generations);
  const provider = new Scripted();
  await generations.start("a", provider.source);
  const tab = await openTab(url("a"));
  provider.say(start, "half");
  await eventually(() => tab.body.includes("half"), "half of the answer");
  await generations.stop("a");
  await tab.ended;
  expect(tab.body).toMatch(terminals[protocol]);
  expect(tab.headers.get("x-vercel-ai-ui-message-stream")).toBe(
    protocol === "ai-sdk" ? "v1" : null,
  );
});

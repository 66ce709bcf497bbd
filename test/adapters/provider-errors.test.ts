import { describe, expect, it } from "vitest";
import { readParts } from "../../lib/adapters/index.ts";
import { providerFailure } from "../../lib/adapters/provider-error.ts";
import { collectParts, type ErrorPart } from "../../lib/streaming/index.ts";
import { chat, delta } from "./parts-of.ts";
import { anthropicRequest, chatRequest, withProvider } from "./provider.ts";

function respond(status: number, body: unknown, headers: Record<string, string> = {}): Response {
  return new Response(typeof body === "string" ? body : JSON.stringify(body), { status, headers });
}

async function errorOf(source: Parameters<typeof chat>[0]): Promise<ErrorPart | undefined> {
  return (await chat(source)).error;
}

describe("an HTTP error", () => {
  it.each([
    [400, "invalid-request", false],
    [401, "authentication", false],
    [402, "quota", false],
    [403, "permission", false],
    [404, "not-found", false],
    [408, "timeout", true],
    [422, "invalid-request", false],
    [429, "rate-limit", true],
    [500, "server-error", true],
    [503, "overloaded", true],
    [504, "timeout", true],
    [529, "overloaded", true],
  ])("%i is %s", async (status, code, retryable) => {
    const body = { error: { message: "no" } };
    const error = await errorOf(respond(status, body));
    expect(error).toMatchObject({ code, retryable, status, message: "no", raw: body.error });
  });

  it.each([
    [
      "OpenAI",
      { error: { message: "no", type: "insufficient_quota", code: "insufficient_quota" } },
      "quota",
    ],
    [
      "Anthropic",
      { type: "error", error: { type: "rate_limit_error", message: "no" } },
      "rate-limit",
    ],
    [
      "Google",
      [{ error: { code: 429, message: "no", status: "RESOURCE_EXHAUSTED" } }],
      "rate-limit",
    ],
    [
      "vLLM",
      { object: "error", message: "no", type: "BadRequestError", code: 429 },
      "invalid-request",
    ],
    ["FastAPI", { detail: "no" }, "rate-limit"],
    ["Ollama", { error: "no" }, "rate-limit"],
    ["a proxy", "no", "rate-limit"],
  ])("body of %s is understood", async (_, body, code) => {
    expect(await errorOf(respond(429, body))).toMatchObject({ code, message: "no", status: 429 });
  });

  it.each([
    [{ "retry-after": "3" }, 3000],
    [{ "retry-after": "3", "retry-after-ms": "2500" }, 2500],
    [{ "retry-after": new Date(Date.now() - 1000).toUTCString() }, 0],
    [{ "retry-after": "soon" }, undefined],
  ])("with %o asks to wait %s ms", async (headers, ms) => {
    expect((await errorOf(respond(429, {}, headers)))?.retryAfter).toBe(ms);
  });

  it("says itself whether it may be tried again", async () => {
    const error = await errorOf(respond(429, {}, { "x-should-retry": "false" }));
    expect(error).toMatchObject({ code: "rate-limit", retryable: false });
  });

  it.each([["<!doctype html><h1>Bad gateway"], [""]])(
    "with the body %j names its status",
    async (body) => {
      const error = await errorOf(respond(502, body));
      expect(error).toMatchObject({ code: "server-error", status: 502 });
      expect(error?.message).toMatch(/502/);
      expect(error?.message).not.toContain("<");
    },
  );

  it("of any length is bounded", async () => {
    const error = await errorOf(respond(500, { error: { message: "x".repeat(50_000) } }));
    expect(error?.message).toHaveLength(4096);
    const endless = new ReadableStream({
      pull: (it) => it.enqueue(new Uint8Array(10_000).fill(97)),
    });
    expect(await errorOf(new Response(endless, { status: 500 }))).toMatchObject({ status: 500 });
  });
});

describe("HTTP 200", () => {
  it("with an error as its JSON body is an error", async () => {
    const body = { error: { message: "no", type: "server_error" } };
    expect(await errorOf(respond(200, body))).toMatchObject({
      code: "server-error",
      message: "no",
    });
    expect(await errorOf([new TextEncoder().encode(JSON.stringify(body))])).toMatchObject({
      code: "server-error",
    });
  });

  it.each([
    ["a whole answer", { id: "c1", choices: [{ message: { content: "Hi" } }] }],
    ["a web page", "<html>"],
    ["lines of JSON", '{"a":1}\n{"a":2}\n'],
  ])("with %s is not a stream", async (_, body) => {
    expect(await errorOf(respond(200, body))).toMatchObject({
      code: "not-a-stream",
      retryable: false,
    });
  });

  it("without a body is incomplete", async () => {
    expect(await errorOf(new Response(null))).toMatchObject({ code: "incomplete-stream" });
  });
});

describe("an error in the stream", () => {
  it.each([
    ["OpenAI", { error: { message: "no", type: "server_error" } }, "server-error"],
    [
      "OpenRouter",
      { ...delta({ content: "" }, "error"), error: { code: 502, message: "no" } },
      "server-error",
    ],
    ["OpenRouter's choice", { choices: [{ error: { code: 429, message: "no" } }] }, "rate-limit"],
    ["Groq", { choices: [], x_groq: { error: "no" } }, "provider-error"],
    ["vLLM", { object: "error", message: "no", code: 400 }, "invalid-request"],
  ])("of %s ends the answer, and the text so far stays", async (_, chunk, code) => {
    const answer = await chat([delta({ content: "Hi" }), chunk, delta({ content: "no" })]);
    expect(answer.error).toMatchObject({ code, message: "no" });
    expect(answer.text).toBe("Hi");
  });

  it("may have no words: finish_reason error", async () => {
    expect((await chat([delta({}, "error")])).error?.code).toBe("provider-error");
  });
});

describe("what an SDK throws", () => {
  const refuse = (status: number, body: object) =>
    ((response) => {
      response.writeHead(status, { "content-type": "application/json", "retry-after": "2" });
      response.end(JSON.stringify(body));
    }) as Parameters<typeof withProvider>[0];

  it("openai: a failed request, given as a promise", async () => {
    const body = { error: { message: "slow down", type: "requests", code: "rate_limit_exceeded" } };
    await withProvider(refuse(429, body), async ({ openai }) => {
      const stream = openai.chat.completions.create({ ...chatRequest, stream: true });
      expect(await errorOf(stream)).toMatchObject({
        code: "rate-limit",
        status: 429,
        retryAfter: 2000,
        message: "slow down",
        providerCode: "rate_limit_exceeded",
      });
    });
  });

  it("anthropic: a failed request of the stream helper", async () => {
    const body = { type: "error", error: { type: "overloaded_error", message: "Overloaded" } };
    await withProvider(refuse(529, body), async ({ anthropic }) => {
      const { error } = await collectParts(readParts(anthropic.messages.stream(anthropicRequest)));
      expect(error).toMatchObject({ code: "overloaded", status: 529, message: "Overloaded" });
    });
  });

  it("openai: an error event inside HTTP 200", async () => {
    const body = `data: {"error":{"message":"no","type":"server_error"}}\n\n`;
    await withProvider(body, async ({ openai }) => {
      const stream = await openai.chat.completions.create({ ...chatRequest, stream: true });
      expect(await errorOf(stream)).toMatchObject({ code: "server-error", message: "no" });
    });
  });

  it("anthropic: an error event inside HTTP 200", async () => {
    const body = `event: error\ndata: {"type":"error","error":{"type":"api_error","message":"no"}}\n\n`;
    await withProvider(body, async ({ anthropic }) => {
      const stream = anthropic.messages.create({ ...anthropicRequest, stream: true });
      const { error } = await collectParts(readParts(stream));
      expect(error).toMatchObject({ code: "server-error", message: "no" });
    });
  });

  it("openai: a chunk that is not JSON", async () => {
    await withProvider("data: {oops\n\n", async ({ openai }) => {
      const stream = await openai.chat.completions.create({ ...chatRequest, stream: true });
      expect(await errorOf(stream)).toMatchObject({ code: "invalid-chunk" });
    });
  });

  it("openai: nobody listens", async () => {
    const { openai } = await withProvider("", async (provider) => provider);
    const stream = openai.chat.completions.create({ ...chatRequest, stream: true });
    expect(await errorOf(stream)).toMatchObject({ code: "connection-error", retryable: true });
  });

  it("fetch: nobody listens", async () => {
    const { url } = await withProvider("", async (provider) => provider);
    expect(await errorOf(fetch(url))).toMatchObject({ code: "connection-error" });
  });

  it("anything else", async () => {
    async function* broken(): AsyncGenerator<object> {
      yield delta({ content: "Hi" });
      throw new Error("mine");
    }
    const answer = await chat(broken());
    expect(answer.error).toMatchObject({ code: "source-error", retryable: false });
    expect(answer.error?.message).toContain("mine");
    expect(answer.text).toBe("Hi");
  });

  it.each([[undefined], [null], ["text"], [Object.create(null)]])("even %o", async (thrown) => {
    const source = { [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(thrown) }) };
    expect(await errorOf(source)).toMatchObject({ code: "source-error" });
  });
});

it("words of a provider are matched in bounded time", () => {
  const long = "rate_".repeat(100_000);
  expect(providerFailure({ type: long, code: long, message: "no" }).code).toBe("provider-error");
});

import { describe, expect, it } from "vitest";
import { readParts } from "../../lib/adapters/index.ts";
import { OpenAIAdapter } from "../../lib/adapters/server.ts";
import type { ErrorPart, Part, Protocol } from "../../lib/streaming/index.ts";
import { streamOf } from "../adapters/chunking.ts";
import { heardBy } from "./clients.ts";
import { start, written } from "./written.ts";

const protocols: Protocol[] = ["events", "openai", "openai-responses", "anthropic", "ai-sdk"];

const error: ErrorPart = {
  type: "error",
  code: "rate-limit",
  message: "Rate limit for org-secret with key sk-secret",
  retryable: true,
  retryAfter: 1500,
  raw: { account: "secret" },
  cause: new Error("secret"),
};
const usage: Part = {
  type: "usage",
  usage: { inputTokens: 3, outputTokens: 2, totalTokens: 5, raw: { cost: "secret" } },
};
const text: Part = { type: "text", text: "Half an" };

function adapted(parts: Part[], protocol: Protocol, options = {}) {
  return () => OpenAIAdapter(streamOf(parts), { protocol, ...options });
}

describe.each(protocols)("%s", (protocol) => {
  it("tells of an error mid-stream; text and usage until then stay", async () => {
    const parts = [start, text, usage, error];
    const heard = await heardBy(protocol, adapted(parts, protocol));
    expect(heard.text).toBe("Half an");
    expect(heard.usage).toEqual({ input: 3, output: 2, total: 5 });
    expect(heard.error).toBe("The model gets too many requests. Try again later.");
  });

  it("tells of an error before the answer begins", async () => {
    const heard = await heardBy(protocol, adapted([error], protocol));
    expect(heard.text).toBe("");
    expect(heard.error).toMatch(/^The model gets too many requests/);
  });

  it("tells of an abort; text and usage until then stay", async () => {
    const parts: Part[] = [start, text, usage, { type: "abort", reason: "secret" }];
    const heard = await heardBy(protocol, adapted(parts, protocol));
    expect(heard.text).toBe("Half an");
    expect(heard.usage).toEqual({ input: 3, output: 2, total: 5 });
    if (protocol === "openai-responses") expect(heard.finish).toBe("cancelled");
    else expect(heard.error).toBe("The answer was stopped.");
  });

  it("tells of an abort before the answer begins", async () => {
    const options = { signal: AbortSignal.abort() };
    const heard = await heardBy(protocol, adapted([start, text], protocol, options));
    expect(heard.text).toBe("");
    expect(heard.finish ?? heard.error).toMatch(/cancelled|The answer was stopped/);
  });

  it("tells of a provider that breaks off, within a tool call too", async () => {
    const call: Part = { type: "tool-call-start", id: "t", name: "weather", index: 0 };
    const delta: Part = { type: "tool-call-delta", id: "t", delta: '{"ci' };
    const heard = await heardBy(protocol, adapted([start, text, call, delta], protocol));
    expect(heard.text).toBe("Half an");
    expect(heard.error).toBe("The answer broke off.");
  });

  it("never repeats the provider's words, unless asked to", () => {
    const parts: Part[] = [start, text, usage, error];
    expect(written(protocol, parts).join()).not.toContain("secret");
    expect(written(protocol, [{ type: "abort", reason: "secret" }]).join()).not.toContain("secret");
    const own = (end: { message?: string }) => end.message ?? "";
    expect(written(protocol, [error], { errorText: own as never }).join()).toContain("org-secret");
  });

  it("tells of the error also when the application's text for it fails", () => {
    const errorText = () => {
      throw new Error("broken");
    };
    const last = written(protocol, [error], { errorText }).join();
    expect(last).toContain("The model gets too many requests.");
  });

  it("takes a code of the application's own, whatever its name", () => {
    for (const code of ["toString", "my-own code", "__proto__"]) {
      const lines = written(protocol, [{ ...error, code }]);
      expect(lines.join()).toContain("The answer failed.");
    }
  });

  it("makes an error of a finish that says error", async () => {
    const parts: Part[] = [start, { type: "finish", reason: "error" }];
    const heard = await heardBy(protocol, adapted(parts, protocol));
    expect(heard.error).toBe("The answer failed.");
  });

  it("writes nothing after the end", () => {
    const ended = written(protocol, [start, error]);
    expect(written(protocol, [start, error, text, usage, error, start])).toEqual(ended);
  });

  it("ends with an error when a part has no JSON", async () => {
    const data = { big: 1n };
    const parts: Part[] = [start, text, { type: "metadata", data }, text];
    const heard = await heardBy(protocol, adapted(parts, protocol));
    // Anthropic's protocol has no place for metadata, and never tries.
    if (protocol !== "anthropic") expect(heard.error).toBe("The answer failed.");
    expect(heard.text).toMatch(/^Half an/);
  });
});

describe("what can be read back", () => {
  it.each([
    ["openai", "rate-limit"],
    ["openai", "quota"],
    ["openai", "overloaded"],
    ["openai", "authentication"],
    ["openai", "content-filter"],
    ["openai", "timeout"],
    ["openai-responses", "rate-limit"],
    ["openai-responses", "quota"],
    ["openai-responses", "overloaded"],
    ["openai-responses", "timeout"],
    ["anthropic", "rate-limit"],
    ["anthropic", "quota"],
    ["anthropic", "overloaded"],
    ["anthropic", "authentication"],
    ["anthropic", "timeout"],
  ] as const)("%s keeps the code %s", async (protocol, code) => {
    const parts: Part[] = [start, { ...error, code }];
    const last = [];
    for await (const part of readParts(adapted(parts, protocol)())) last.push(part);
    expect(last.at(-1)).toMatchObject({ type: "error", code });
  });

  it("keeps an abort of a response", async () => {
    const parts: Part[] = [start, text, { type: "abort" }];
    const last = [];
    for await (const part of readParts(adapted(parts, "openai-responses")())) last.push(part);
    expect(last.at(-1)?.type).toBe("abort");
  });
});

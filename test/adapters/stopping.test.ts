import { once } from "node:events";
import { Readable } from "node:stream";
import { describe, expect, it } from "vitest";
import { readAnthropic, readOpenAIChat, readParts } from "../../lib/adapters/index.ts";
import { collectParts, type Part } from "../../lib/streaming/index.ts";
import { sse } from "./chunking.ts";
import { chat, delta, stop } from "./parts-of.ts";
import { type Answering, anthropicRequest, chatRequest, withProvider } from "./provider.ts";

const hi = delta({ content: "Hi" });

/** A provider that says "Hi" and then nothing more, and tells when it is asked and hung up on. */
function silent(): { answer: Answering; asked: Promise<unknown>; hungUp: Promise<unknown> } {
  let ask: (value?: unknown) => void = () => {};
  let hangUp: (value?: unknown) => void = () => {};
  const asked = new Promise((resolve) => {
    ask = resolve;
  });
  const hungUp = new Promise((resolve) => {
    hangUp = resolve;
  });
  const answer: Answering = (response) => {
    once(response, "close").then(hangUp);
    response.writeHead(200, { "content-type": "text/event-stream" }).write(sse(hi));
    ask();
  };
  return { answer, asked, hungUp };
}

/** A stalled source, and whether it was stopped. */
function stalled(): { source: ReadableStream<object>; cancelled: unknown[] } {
  const cancelled: unknown[] = [];
  const source = new ReadableStream<object>({
    start: (controller) => controller.enqueue(hi),
    cancel: (reason) => {
      cancelled.push(reason);
    },
  });
  return { source, cancelled };
}

async function readText(reader: AsyncGenerator<Part>): Promise<void> {
  while ((await reader.next()).value?.type !== "text");
}

describe("a consumer that stops", () => {
  it("within for await stops the source", async () => {
    let stopped = false;
    async function* endless(): AsyncGenerator<object> {
      try {
        for (;;) yield hi;
      } finally {
        stopped = true;
      }
    }
    for await (const part of readOpenAIChat(endless())) if (part.type === "text") break;
    expect(stopped).toBe(true);
  });

  it("while a part is awaited stops a source that is silent", async () => {
    const { source, cancelled } = stalled();
    const reader = readOpenAIChat(source);
    await readText(reader);
    const pending = reader.next();
    await reader.return();
    expect((await pending).value).toMatchObject({ type: "abort" });
    expect(await reader.next()).toEqual({ done: true, value: undefined });
    expect(cancelled).toHaveLength(1);
  });

  it("before the first part stops the source", async () => {
    const { source, cancelled } = stalled();
    await readOpenAIChat(source).return();
    expect(cancelled).toHaveLength(1);
  });

  it("destroys a Readable that is silent", async () => {
    const source = new Readable({ objectMode: true, read() {} });
    source.push(hi);
    const reader = readOpenAIChat(source);
    await readText(reader);
    const pending = reader.next();
    await reader.return();
    await pending;
    expect(source.destroyed).toBe(true);
  });

  it.each(["fetch", "openai", "anthropic"] as const)(
    "hangs up on the provider: %s",
    async (way) => {
      const { answer, hungUp } = silent();
      await withProvider(answer, async ({ openai, anthropic, url }) => {
        const request = { ...chatRequest, stream: true } as const;
        const source = {
          fetch: () => fetch(url),
          openai: () => openai.chat.completions.create(request),
          anthropic: () => anthropic.messages.create({ ...anthropicRequest, stream: true }),
        }[way]();
        const reader = readOpenAIChat(source);
        if (way === "anthropic") reader.next();
        else await readText(reader);
        if (way === "anthropic") await source;
        await reader.return();
        await hungUp;
      });
    },
  );

  it("before a promised source has come stops it when it comes", async () => {
    const { source, cancelled } = stalled();
    let come: (source: ReadableStream) => void = () => {};
    const promise = new Promise<ReadableStream>((resolve) => {
      come = resolve;
    });
    const reader = readOpenAIChat(promise);
    const pending = reader.next();
    await reader.return();
    expect((await pending).value).toMatchObject({ type: "abort" });
    come(source);
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(cancelled).toHaveLength(1);
  });

  it("is not bothered by a source that fails when it is stopped", async () => {
    const source = {
      [Symbol.asyncIterator]: () => ({
        next: async () => ({ done: false as const, value: hi }),
        return: () => Promise.reject(new Error("no")),
      }),
      destroy() {
        throw new Error("no");
      },
    };
    for await (const _ of readOpenAIChat(source)) break;
    await new Promise((resolve) => setTimeout(resolve, 5));
  });
});

describe("a signal", () => {
  it.each([
    ["mid-stream, with the source silent", 20],
    ["before the first part", 0],
  ])("that aborts %s ends the answer and the source", async (_, ms) => {
    const { source, cancelled } = stalled();
    const controller = new AbortController();
    const answer = chat(source, { signal: controller.signal });
    if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms));
    controller.abort(new Error("stopped by the user"));
    expect((await answer).aborted).toEqual({ type: "abort", reason: "stopped by the user" });
    expect((await answer).text).toBe(ms > 0 ? "Hi" : "");
    expect(cancelled).toHaveLength(1);
  });

  it("that has aborted already lets nothing through", async () => {
    const { source, cancelled } = stalled();
    const answer = await chat(source, { signal: AbortSignal.abort("no") });
    expect(answer.parts()).toEqual([{ type: "abort", reason: "no" }]);
    expect(cancelled).toEqual(["no"]);
  });

  it("keeps usage that was told", async () => {
    const controller = new AbortController();
    async function* source(): AsyncGenerator<object> {
      yield { ...hi, usage: { prompt_tokens: 1, completion_tokens: 1 } };
      controller.abort();
      yield stop;
    }
    const answer = await chat(source(), { signal: controller.signal });
    expect(answer.aborted).toBeDefined();
    expect(answer.usage?.totalTokens).toBe(2);
  });

  it("is let go of at the end", async () => {
    const { signal } = new AbortController();
    const listeners = new Set<unknown>();
    signal.addEventListener = (_: string, listener: unknown) => listeners.add(listener);
    signal.removeEventListener = (_: string, listener: unknown) => listeners.delete(listener);
    await chat([hi, stop], { signal });
    await chat([hi], { signal });
    await readOpenAIChat([hi], { signal }).return();
    for await (const _ of readOpenAIChat([sse(hi, stop, "[DONE]"), "more"], { signal }));
    expect(listeners.size).toBe(0);
  });
});

describe("an answer that the application stops by the SDK's means is aborted", () => {
  it.each(["openai", "openai helper", "anthropic", "anthropic helper", "fetch"] as const)(
    "%s",
    async (way) => {
      const { answer, asked, hungUp } = silent();
      await withProvider(answer, async ({ openai, anthropic, url }) => {
        const controller = new AbortController();
        const { signal } = controller;
        const source = {
          openai: () =>
            openai.chat.completions.create({ ...chatRequest, stream: true }, { signal }),
          "openai helper": () => openai.chat.completions.stream(chatRequest, { signal }),
          anthropic: () =>
            anthropic.messages.create({ ...anthropicRequest, stream: true }, { signal }),
          "anthropic helper": () => anthropic.messages.stream(anthropicRequest, { signal }),
          fetch: () => fetch(url, { signal }),
        }[way]();
        const read = way.startsWith("anthropic") ? readAnthropic : readParts;
        const parts = collectParts(read(source));
        await asked;
        setTimeout(() => controller.abort(), 20);
        expect((await parts).terminal).toMatchObject({ type: "abort" });
        await hungUp;
      });
    },
  );
});

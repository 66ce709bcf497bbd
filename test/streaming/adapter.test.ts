import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it, vi } from "vitest";
import { AnthropicAdapter, OpenAIAdapter } from "../../lib/adapters/server.ts";
import type { Part } from "../../lib/streaming/index.ts";
import { protocolHeaders } from "../../lib/streaming/index.ts";
import { streamOf } from "../adapters/chunking.ts";
import { sendEvents, withProvider } from "../adapters/provider.ts";
import { providerBytes } from "./answers.ts";
import { finish, start } from "./written.ts";

const decoder = new TextDecoder();

function text(text: string): Part {
  return { type: "text", text };
}

function bodyOf(stream: ReadableStream<Uint8Array>): Promise<string> {
  return new Response(stream).text();
}

afterEach(() => {
  vi.useRealTimers();
});

describe("the bytes", () => {
  it("are the events of AI Kit, unless told otherwise", async () => {
    const body = await bodyOf(OpenAIAdapter(streamOf([start, text("Hi"), finish])));
    expect(body).toBe(
      [
        'event:start\ndata:{"id":"a1","model":"m"}\n\n',
        'event:token\ndata:{"token":"Hi","index":0}\n\n',
        'event:metadata\ndata:{"finishReason":"stop"}\n\n',
        "event:done\ndata:{}\n\n",
      ].join(""),
    );
  });

  it("have no event field in protocols that have none", async () => {
    const stream = OpenAIAdapter(streamOf([start, text("Hi"), finish]), { protocol: "openai" });
    const lines = (await bodyOf(stream)).split("\n\n");
    expect(lines.every((line) => line === "" || line.startsWith("data:"))).toBe(true);
    expect(lines.at(-2)).toBe("data:[DONE]");
  });

  it("make a Response with the protocol's headers", async () => {
    const response = new Response(AnthropicAdapter(streamOf([finish])), {
      headers: protocolHeaders("ai-sdk"),
    });
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    expect(response.headers.get("cache-control")).toBe("no-cache, no-transform");
    expect(response.headers.get("x-accel-buffering")).toBe("no");
    expect(response.headers.get("x-vercel-ai-ui-message-stream")).toBe("v1");
    await response.body?.cancel();
  });
});

describe("backpressure", () => {
  function counted(): { source: Iterable<Part>; taken: () => number } {
    let taken = 0;
    function* parts(): Generator<Part> {
      for (;;) {
        taken++;
        yield taken === 1 ? start : text("Hi");
      }
    }
    return { source: parts(), taken: () => taken };
  }

  it("reads nothing of the provider before the bytes are asked for", async () => {
    const { source, taken } = counted();
    OpenAIAdapter(source);
    await new Promise(setImmediate);
    expect(taken()).toBe(0);
  });

  it("reads no further ahead than the bytes are taken", async () => {
    const { source, taken } = counted();
    const reader = OpenAIAdapter(source).getReader();
    for (let reads = 1; reads <= 20; reads++) {
      await reader.read();
      await new Promise(setImmediate);
      expect(taken()).toBe(reads);
    }
    await reader.cancel();
  });

  it("leaves the provider's bytes in its socket while the client does not read", async () => {
    const chunk = `data: ${JSON.stringify({ type: "text", text: "x".repeat(1000) })}\n\n`;
    let sent = 0;
    const slow = (response: import("node:http").ServerResponse) => {
      response.writeHead(200);
      const fill = () => {
        while (!response.destroyed && response.write(chunk)) sent += chunk.length;
      };
      response.on("drain", fill);
      fill();
    };
    await withProvider(slow, async ({ url }) => {
      const reader = OpenAIAdapter(fetch(url)).getReader();
      await reader.read();
      let before = -1;
      while (before !== sent) {
        before = sent;
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
      expect(sent).toBeLessThan(32 << 20);
      await reader.cancel();
    });
  });
});

describe("stopping", () => {
  /** A provider that says nothing more, and tells when its client has gone. */
  function silentServer(): Promise<{ url: string; gone: Promise<void>; close(): void }> {
    return new Promise((resolve) => {
      let onGone = () => {};
      const gone = new Promise<void>((done) => {
        onGone = done;
      });
      const server = createServer((_request, response) => {
        response.writeHead(200, { "content-type": "text/event-stream" });
        response.write('data: {"type":"start"}\n\n');
        response.on("close", onGone);
      });
      server.listen(0, "127.0.0.1", () => {
        const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
        resolve({ url, gone, close: () => server.close() });
      });
    });
  }

  it("closes the provider's connection when the client cancels in a silence", async () => {
    const { url, gone, close } = await silentServer();
    const reader = OpenAIAdapter(fetch(url)).getReader();
    await reader.read();
    const pending = reader.read();
    await reader.cancel();
    expect((await pending).done).toBe(true);
    await gone;
    close();
  });

  it("ends with the protocol's last events when the application's signal aborts", async () => {
    const { url, gone, close } = await silentServer();
    const abort = new AbortController();
    const stream = OpenAIAdapter(fetch(url), { signal: abort.signal, protocol: "ai-sdk" });
    const body = bodyOf(stream);
    setTimeout(() => abort.abort(), 20);
    expect((await body).split("\n\n").slice(-3)).toEqual([
      'data:{"type":"abort","reason":"The answer was stopped."}',
      "data:[DONE]",
      "",
    ]);
    await gone;
    close();
  });

  it("lets the signal go when the answer has ended", async () => {
    const { signal } = new AbortController();
    const remove = vi.spyOn(signal, "removeEventListener");
    await bodyOf(OpenAIAdapter(streamOf([start, finish]), { signal }));
    expect(remove).toHaveBeenCalledWith("abort", expect.any(Function));
  });
});

describe("silence", () => {
  const silent = { next: () => new Promise<never>(() => {}) };
  const source = { [Symbol.asyncIterator]: () => silent };

  it("is filled with comments, of which at most one lies unread", async () => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    const reader = OpenAIAdapter(source, { keepAlive: 1000 }).getReader();
    const first = reader.read();
    await vi.advanceTimersByTimeAsync(999);
    await vi.advanceTimersByTimeAsync(5001);
    expect(decoder.decode((await first).value)).toBe(":\n\n");
    expect(decoder.decode((await reader.read()).value)).toBe(":\n\n");
    const third = reader.read();
    await vi.advanceTimersByTimeAsync(1000);
    expect(decoder.decode((await third).value)).toBe(":\n\n");
    await reader.cancel();
    expect(vi.getTimerCount()).toBe(0);
  });

  it("is left alone on request", async () => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    const reader = OpenAIAdapter(source, { keepAlive: null }).getReader();
    const read = reader.read();
    expect(vi.getTimerCount()).toBe(0);
    await reader.cancel();
    await read;
  });
});

describe("errors", () => {
  it.each([
    [{ protocol: "soap" }, /protocol is "soap"; expected one of events, openai/],
    [{ protocol: "toString" }, /protocol is "toString"/],
    [{ keepAlive: 0 }, /keepAlive is 0/],
    [{ keepAlive: "1" }, /keepAlive is/],
    [{ maxEventChars: -1 }, /maxEventChars is -1/],
  ])("refuses %j", (options, message) => {
    expect(() => OpenAIAdapter([], options as never)).toThrow(
      expect.objectContaining({ code: "invalid-option", message: expect.stringMatching(message) }),
    );
  });

  it("of the application's options stop the provider before the stream fails", async () => {
    const stopped = vi.fn();
    const source = new ReadableStream({
      pull: (controller) => controller.enqueue(start),
      cancel: stopped,
    });
    const options = { id: 1n as never, protocol: "openai-responses" } as const;
    await expect(bodyOf(OpenAIAdapter(source, options))).rejects.toThrow(TypeError);
    expect(stopped).toHaveBeenCalledTimes(1);
  });

  it("refuses what cannot be read", () => {
    expect(() => OpenAIAdapter(5 as never)).toThrow(
      expect.objectContaining({ code: "invalid-argument" }),
    );
  });

  it("become the last event when the request to the provider fails", async () => {
    const body = await bodyOf(OpenAIAdapter(Promise.reject(new Error("sk-secret"))));
    expect(body).toBe('event:error\ndata:{"error":"The answer failed.","code":"SOURCE_ERROR"}\n\n');
  });
});

it("reads the streams of the SDKs themselves", async () => {
  await withProvider(
    (response, { url }) =>
      sendEvents(response, providerBytes[url?.includes("chat") ? "openai" : "anthropic"]),
    async ({ openai, anthropic }) => {
      const messages = [{ role: "user" as const, content: "Hi" }];
      const chat = await openai.chat.completions.create({ model: "m", messages, stream: true });
      expect(await bodyOf(OpenAIAdapter(chat))).toContain('{"token":"ld 🌍","index":1}');
      const message = anthropic.messages.stream({ model: "m", messages, max_tokens: 10 });
      expect(await bodyOf(AnthropicAdapter(message))).toContain('{"token":"ld 🌍","index":1}');
    },
  );
});

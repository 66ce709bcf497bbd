import { once } from "node:events";
import { Readable } from "node:stream";
import { describe, expect, it } from "vitest";
import {
  readAnthropic,
  readOpenAIChat,
  readOpenAIResponses,
  readParts,
} from "../../lib/adapters/index.ts";
import { collectParts, type Part } from "../../lib/streaming/index.ts";
import { namedSse, sse, streamOf } from "./chunking.ts";
import { block, chat, delta, message, partsOf, stop } from "./parts-of.ts";
import { anthropicRequest, chatRequest, sendEvents, withProvider } from "./provider.ts";

const chatBody = sse(
  delta({ role: "assistant", content: "Hi" }),
  delta({ content: " you" }),
  stop,
  "[DONE]",
);
const call = { index: 0, id: "a", type: "function", function: { name: "f", arguments: "{" } };
const toolBody = sse(
  delta({ role: "assistant", tool_calls: [call] }),
  delta({ tool_calls: [{ index: 0, function: { arguments: "}" } }] }),
  delta({}, "tool_calls"),
);
const messageBody = namedSse(
  ...(message(...block(0, { type: "text", text: "" }, { type: "text_delta", text: "Hi" })) as {
    type: string;
  }[]),
);
const responseBody = namedSse(
  ...[
    { type: "response.created", response: { id: "r1", model: "m", output: [] } },
    {
      type: "response.output_item.added",
      output_index: 0,
      item: { id: "i", type: "message", content: [] },
    },
    {
      type: "response.content_part.added",
      output_index: 0,
      content_index: 0,
      part: { type: "output_text", text: "", annotations: [] },
    },
    { type: "response.output_text.delta", output_index: 0, content_index: 0, delta: "Hi" },
    { type: "response.completed", response: { id: "r1", status: "completed", output: [] } },
  ],
);

describe("streams of SDKs say the same as the bytes", () => {
  it.each([
    ["text", chatBody],
    ["tools", toolBody],
  ])("openai: chat.completions.create and .stream, %s", async (_, body) => {
    const expected = await partsOf(readOpenAIChat([body]));
    await withProvider(body, async ({ openai }) => {
      const request = { ...chatRequest, stream: true } as const;
      const { completions } = openai.chat;
      const opened = [
        readOpenAIChat(completions.stream(request)),
        readOpenAIChat(completions.create(request)),
        readOpenAIChat(await completions.create(request)),
        readOpenAIChat(completions.create(request).asResponse()),
        readOpenAIChat((await completions.create(request)).tee()[0]),
      ];
      for (const reader of opened) expect(await partsOf(reader)).toEqual(expected);
    });
  });

  it("openai: responses.create and .stream", async () => {
    const expected = await partsOf(readOpenAIResponses([responseBody]));
    await withProvider(responseBody, async ({ openai }) => {
      const request = { model: "m", input: "Hi", stream: true } as const;
      const opened = [openai.responses.stream(request), openai.responses.create(request)];
      for (const reader of opened.map((stream) => readOpenAIResponses(stream))) {
        expect(await partsOf(reader)).toEqual(expected);
      }
    });
  });

  it("anthropic: messages.create and .stream", async () => {
    const expected = await partsOf(readAnthropic([messageBody]));
    await withProvider(messageBody, async ({ anthropic }) => {
      const stream = await anthropic.messages.create({ ...anthropicRequest, stream: true });
      expect(await partsOf(readAnthropic(stream))).toEqual(expected);
      expect(await partsOf(readAnthropic(anthropic.messages.stream(anthropicRequest)))).toEqual(
        expected,
      );
    });
  });

  it("anthropic: the stream helper keeps its events until the parts are read", async () => {
    await withProvider(messageBody, async ({ anthropic }) => {
      const stream = anthropic.messages.stream(anthropicRequest);
      const reader = readAnthropic(stream);
      await stream.finalMessage();
      expect(await collectParts(reader)).toMatchObject({ text: "Hi", finishReason: "stop" });
    });
  });
});

describe("a source can be", () => {
  async function* generated(): AsyncGenerator<object> {
    yield delta({ content: "Hi you" });
    yield stop;
  }

  it("a fetch Response, or its promise", async () => {
    await withProvider(chatBody, async ({ url }) => {
      expect((await chat(await fetch(url))).text).toBe("Hi you");
      expect((await chat(fetch(url))).text).toBe("Hi you");
      const { body } = await fetch(url);
      if (body) expect((await chat(body)).text).toBe("Hi you");
    });
  });

  it.each([
    ["an array", () => [delta({ content: "Hi you" }), stop]],
    ["a generator", generated],
    ["a promise of a generator", async () => generated()],
    ["a ReadableStream of objects", () => streamOf([delta({ content: "Hi you" }), stop])],
    ["a ReadableStream of text", () => streamOf([chatBody])],
    ["a Readable of bytes", () => Readable.from([Buffer.from(chatBody)])],
    ["a Readable of objects", () => Readable.from([delta({ content: "Hi you" }), stop])],
  ])("%s", async (_, open) => {
    expect(await chat(open() as never)).toMatchObject({ text: "Hi you", finishReason: "stop" });
  });

  it.each([[undefined], [null], [5], ["text"], [{}], [() => {}]])("nothing like %o", (given) => {
    expect(() => readParts(given as never)).toThrow(
      expect.objectContaining({ name: "SseError", code: "invalid-argument" }),
    );
  });

  it("nothing that is read already", async () => {
    const stream = streamOf([chatBody]);
    stream.getReader();
    expect(() => readParts(stream)).toThrow(/locked/);
    await withProvider(messageBody, async ({ anthropic }) => {
      const helper = anthropic.messages.stream(anthropicRequest);
      await helper.done();
      expect(() => readParts(helper)).toThrow(/ended already/);
    });
  });

  it.each([[0], [-1], [Number.NaN]])("read with maxEventChars %d", (maxEventChars) => {
    expect(() => readParts([], { maxEventChars })).toThrow(
      expect.objectContaining({ code: "invalid-option" }),
    );
  });
});

it("a source is read no faster than its parts", async () => {
  let read = 0;
  async function* counting(): AsyncGenerator<object> {
    for (; read < 1000; read++) yield delta({ content: `${read}` });
  }
  const reader = readOpenAIChat(counting());
  expect(read).toBe(0);
  await reader.next();
  await reader.next();
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(read).toBeLessThan(3);
  await reader.return();
});

it("parts can be asked for ahead", async () => {
  const reader = readOpenAIChat([delta({ content: "a" }), delta({ content: "b" }), stop]);
  const results = await Promise.all(Array.from({ length: 6 }, () => reader.next()));
  const types = results.map(({ value }) => (value as Part | undefined)?.type);
  expect(types).toEqual(["start", "text", "text", "finish", undefined, undefined]);
});

it("the connection is used again after an answer, though the body ends after it", async () => {
  await withProvider(
    (response) => {
      response.writeHead(200, { "content-type": "text/event-stream" }).write(chatBody);
      setTimeout(() => response.end(), 10);
    },
    async ({ openai, url, connections }) => {
      const request = { ...chatRequest, stream: true } as const;
      for (let turn = 0; turn < 3; turn++) {
        for await (const part of readOpenAIChat(fetch(url))) if (part.type === "finish") break;
        await new Promise((resolve) => setTimeout(resolve, 100));
        await collectParts(readOpenAIChat(openai.chat.completions.create(request)));
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      expect(connections.size).toBe(1);
    },
  );
});

it("a connection that a provider leaves open after its answer is closed", async () => {
  let closed: Promise<unknown> | undefined;
  await withProvider(
    (response) => {
      closed = once(response, "close");
      response.writeHead(200, { "content-type": "text/event-stream" }).write(chatBody);
    },
    async ({ url }) => {
      expect((await chat(fetch(url))).finishReason).toBe("stop");
      await closed;
    },
  );
});

it("an answer of HTTP 204 or without events is incomplete", async () => {
  await withProvider(
    (response, { url }) =>
      url === "/204" ? response.writeHead(204).end() : sendEvents(response, ""),
    async ({ url }) => {
      expect((await chat(fetch(`${url}/204`))).error?.code).toBe("incomplete-stream");
      expect((await chat(fetch(url))).error?.code).toBe("incomplete-stream");
    },
  );
});

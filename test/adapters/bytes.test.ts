import { describe, expect, it } from "vitest";
import { readOpenAIChat } from "../../lib/adapters/index.ts";
import { pieces, sse, streamOf } from "./chunking.ts";
import { chat, delta, partsOf, stop } from "./parts-of.ts";

const encoder = new TextEncoder();
const body = sse(delta({ content: "Hi" }), stop, "[DONE]");

describe("an event stream is read", () => {
  it.each([
    ["with CRLF", body.replaceAll("\n", "\r\n")],
    ["with CR", body.replaceAll("\n", "\r")],
    ["without spaces after the colon", body.replaceAll("data: ", "data:")],
    ["with a byte order mark", `\ufeff${body}`],
    ["with blank lines first", `\n\n${body}`],
    ["with comments, ids, retry and unknown fields", `: hi\nretry: 3\nid: 1\nfoo: bar\n\n${body}`],
    ["with event names", body.replaceAll("data: ", "event: message\ndata: ")],
    ["with empty events", `data:\n\ndata: \n\nevent: ping\ndata: {}\n\n${body}`],
    ["with values that are not objects", `data: 5\n\ndata: null\n\ndata: []\n\n${body}`],
    ["with JSON over several lines", body.replace('"content"', '\ndata: "content"')],
    ["without the last blank line", sse(delta({ content: "Hi" }), stop).trimEnd()],
    ["with bytes after [DONE]", `${body}data: {"choices":[{"delta":{"content":"no"}}]}\n\n`],
    ["with nonsense after [DONE]", `${body}data: {oops\n\n`],
  ])("%s", async (_, text) => {
    for (const source of [
      [text],
      [encoder.encode(text)],
      pieces(encoder.encode(text), 1),
      [...text],
    ]) {
      expect(await chat(source)).toMatchObject({ text: "Hi", finishReason: "stop" });
    }
  });

  it("as Uint8Array, Buffer, ArrayBuffer or DataView", async () => {
    const bytes = encoder.encode(body);
    const padded = new Uint8Array([0, ...bytes, 0]);
    const view = new DataView(padded.buffer, 1, bytes.length);
    for (const chunk of [bytes, Buffer.from(body), bytes.slice().buffer, view]) {
      expect(await chat([chunk])).toMatchObject({ text: "Hi" });
    }
  });
});

it("characters that are split across pieces stay whole", async () => {
  const said = "é€😀👩‍👩‍👧‍👦\u{10ffff}";
  const bytes = encoder.encode(sse(delta({ content: said }), stop));
  for (let longest = 1; longest < 8; longest++) {
    expect((await chat(streamOf(pieces(bytes, longest, longest)))).text).toBe(said);
  }
});

it("bytes that are no UTF-8 become replacement characters", async () => {
  const bytes = encoder.encode(sse(delta({ content: "a?b" }), stop));
  bytes[bytes.indexOf("?".charCodeAt(0))] = 0xff;
  expect((await chat([bytes])).text).toBe("a\ufffdb");
});

describe("a chunk that is not JSON", () => {
  it("ends the answer with what came before it", async () => {
    const answer = await chat([`${sse(delta({ content: "Hi" }))}data: {"choices":\n\n${body}`]);
    expect(answer.text).toBe("Hi");
    expect(answer.error).toMatchObject({ code: "invalid-chunk", retryable: false });
    expect(answer.error?.message).toContain("choices");
  });

  it("is only cut when it is the last one and not ended", async () => {
    const answer = await chat([`${sse(delta({ content: "Hi" }))}data: {"choices":`]);
    expect(answer.error).toMatchObject({ code: "incomplete-stream", retryable: true });
  });
});

describe("size", () => {
  it("a delta of 1 MiB is read, in pieces of any size", async () => {
    const said = '😀\n"\\'.repeat(200_000);
    const bytes = encoder.encode(sse(delta({ content: said }), stop));
    expect(bytes.length).toBeGreaterThan(1024 * 1024);
    for (const source of [[bytes], pieces(bytes, 9), pieces(bytes, 70_000)]) {
      expect((await chat(streamOf(source))).text === said).toBe(true);
    }
  });

  it("of one event has a limit", async () => {
    const long = sse(delta({ content: "x".repeat(2000) }), stop);
    for (const source of [[long], pieces(encoder.encode(long), 5)]) {
      const { error } = await chat(source, { maxEventChars: 1000 });
      expect(error).toMatchObject({ code: "too-large", retryable: false });
    }
    expect(await chat([long], { maxEventChars: 3000 })).toMatchObject({ finishReason: "stop" });
  });

  it("of an event has a limit also when it never ends", async () => {
    const endless = new ReadableStream({
      start: (controller) => controller.enqueue("data: "),
      pull: (controller) => controller.enqueue("x".repeat(10_000)),
    });
    expect((await chat(endless)).error?.code).toBe("too-large");
  });

  it("of many small events in one chunk costs no more than linear time", async () => {
    const crs = `${sse(delta({ content: "x" })).repeat(20_000)}\r\n${sse(stop)}`;
    const started = performance.now();
    expect((await chat([encoder.encode(crs)])).text).toHaveLength(20_000);
    expect(performance.now() - started).toBeLessThan(5000);
  });
});

it("no part waits for the next piece", async () => {
  let give: (text: string) => void = () => {};
  const source = new ReadableStream<string>({
    start: (controller) => {
      give = (text) => controller.enqueue(text);
    },
  });
  const reader = readOpenAIChat(source);
  for (const said of ["a", "b"]) {
    const chunk = sse(delta({ content: said }));
    give(chunk.slice(0, 20));
    give(chunk.slice(20));
    const { value } = await reader.next();
    const text = value?.type === "start" ? (await reader.next()).value : value;
    expect(text).toEqual({ type: "text", text: said });
  }
  await reader.return();
});

it("the parts are the same as of the chunks as objects", async () => {
  const chunks = [delta({ content: "Hi" }), delta({ reasoning: "hm" }), stop];
  const parts = await partsOf(readOpenAIChat(chunks));
  expect(await partsOf(readOpenAIChat([sse(...chunks, "[DONE]")]))).toEqual(parts);
});

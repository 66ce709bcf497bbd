import { once } from "node:events";
import { describe, expect, it } from "vitest";
import type {
  Part,
  Protocol,
  Report,
  StreamingResponseOptions,
} from "../../lib/streaming/server.ts";
import { StreamingResponse } from "../../lib/streaming/server.ts";
import { chatRequest, withProvider } from "../adapters/provider.ts";
import {
  deferred,
  errorOf,
  eventually,
  parseStream,
  RawClient,
  strayErrors,
  turns,
  within,
} from "../e2e/harness.ts";
import { providerBytes, said } from "./answers.ts";
import { heardFrom } from "./clients.ts";
import { lanes, Source, serveStreams, silence, text } from "./streams.ts";
import { finish, start } from "./written.ts";

const protocols: Protocol[] = ["events", "openai", "openai-responses", "anthropic", "ai-sdk"];
const usage: Part = { type: "usage", usage: { inputTokens: 1, outputTokens: 2, totalTokens: 3 } };

/** Pipes one source to one client; returns what the client read and the answer. */
async function piped(
  source: (stream: StreamingResponse) => unknown,
  options: StreamingResponseOptions = {},
) {
  const { origin, streams } = await serveStreams(options);
  const body = fetch(origin).then((response) => response.text());
  const stream = await streams.next();
  const answer = await within(stream.pipe(source(stream) as never), "answer");
  const { events } = parseStream(await within(body, "end"));
  return { answer, events, stream };
}

/** Waits until nothing more is read of the source. */
async function stalled(source: Source) {
  let before = -1;
  while (before !== source.taken) {
    before = source.taken;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

describe.each(lanes)("on the %s lane", (_lane, transport) => {
  it("sends all of a source, ends the response and says what came", async () => {
    const { answer, events, stream } = await piped(() => [start, text("Hi"), usage, finish], {
      transport,
    });
    expect(events.map(({ event, data }) => `${event} ${data}`)).toEqual([
      'start {"id":"a1","model":"m"}',
      'token {"token":"Hi","index":0}',
      'usage {"promptTokens":1,"completionTokens":2,"totalTokens":3}',
      'metadata {"finishReason":"stop"}',
      "done {}",
    ]);
    expect(answer).toMatchObject({
      text: "Hi",
      usage: usage.usage,
      finishReason: "stop",
      id: "a1",
    });
    expect(stream.isStreamActive()).toBe(false);
    expect(stream.signal.aborted).toBe(false);
  });

  it("reads the source no faster than the client does", async () => {
    const { port, streams } = await serveStreams({ transport });
    const client = await RawClient.stalled(port, "/");
    const stream = await streams.next();
    const source = new Source(() => text("x".repeat(1000)));
    const answer = stream.pipe(source);
    // What fills up are the buffers of the sockets, and 64 KiB.
    await stalled(source);
    expect(source.taken).toBeGreaterThan(60);
    expect(source.taken * 1000).toBeLessThan(32 << 20);
    expect(stream.session.bufferedBytes).toBeLessThan(80_000);
    await client.destroy();
    expect((await within(answer, "answer")).aborted).toBeDefined();
    expect(source.returned).toBe(1);
  });

  it("lets single tokens of any size through, one after another", async () => {
    const tokens = Array.from({ length: 6 }, (_, index) => String(index).repeat(1 << 20));
    const { answer, events } = await piped(() => [start, ...tokens.map(text), finish], {
      transport,
      maxBufferedBytes: 1 << 20,
    });
    const received = events.filter(({ event }) => event === "token");
    expect(received.map(({ data }) => JSON.parse(data).token)).toEqual(tokens);
    expect(answer.text).toHaveLength(6 << 20);
  });

  it("lets small events follow large ones of the same part", async () => {
    const { port, streams } = await serveStreams({
      transport,
      protocol: "openai-responses",
      maxBufferedBytes: 1 << 20,
    });
    const client = await RawClient.stalled(port, "/");
    const call = { id: "call_1", name: "weather" };
    const answer = (await streams.next()).pipe([
      start,
      text("x".repeat(8 << 20)),
      { type: "tool-call-start", ...call, index: 0 },
      { type: "tool-call", ...call, arguments: "{}", input: {} },
      finish,
    ]);
    client.read();
    await client.bodyIsWhole();
    expect(client.body).toContain("event:response.completed");
    expect((await answer).finishReason).toBe("stop");
  });

  it("stops a source that is silent when the client goes", async () => {
    const strays = strayErrors();
    const source = new Source((index) => (index === 0 ? text("Hi") : silence));
    const { port, streams } = await serveStreams({ transport });
    const client = await RawClient.get(port, "/");
    const answer = (await streams.next()).pipe(source);
    await client.bodyIncludes("Hi");
    await client.reset();
    expect(await within(answer, "answer")).toMatchObject({
      text: "Hi",
      aborted: { reason: expect.stringContaining("the client has gone") },
    });
    expect(source.returned).toBe(1);
    expect(await strays()).toEqual([]);
  });

  it("stops the source by an abort, and tells the client", async () => {
    const source = new Source((index) => (index === 0 ? text("Hi") : silence));
    const { port, streams } = await serveStreams({ transport });
    const client = await RawClient.get(port, "/");
    const stream = await streams.next();
    const answer = stream.pipe(source);
    await client.bodyIncludes("Hi");
    stream.abort();
    await client.bodyIsWhole();
    expect(client.body).toMatch(/event:error\ndata:{"error":"The answer was stopped.",.*}\n\n$/);
    expect((await answer).aborted).toBeDefined();
    expect(source.returned).toBe(1);
    expect(stream.signal.aborted).toBe(true);
  });

  it("does not wait for a client that takes nothing when it is aborted", async () => {
    const { port, streams } = await serveStreams({ transport, writeTimeout: 2000 });
    await RawClient.stalled(port, "/");
    const stream = await streams.next();
    const source = new Source(() => text("x".repeat(10_000)));
    const answer = stream.pipe(source);
    await stalled(source);
    stream.abort();
    await eventually(() => source.returned === 1, "the source's return");
    expect((await within(answer, "answer")).aborted).toBeDefined();
  });
});

describe.each(protocols)("the real client of %s", (protocol) => {
  const heard = (
    source: (url: string) => unknown,
    body: string | Uint8Array,
    options: StreamingResponseOptions = {},
  ) =>
    withProvider(body, ({ url }) =>
      heardFrom(protocol, (response) => {
        void new StreamingResponse(response, { protocol, ...options }).pipe(source(url) as never);
      }),
    );

  it.each(["openai", "anthropic"] as const)("reads the answer of %s", async (provider) => {
    const { text: heardText, usage, error } = await heard(fetch, providerBytes[provider]);
    expect({ text: heardText, usage, error }).toEqual({
      text: said.text,
      usage: said.usage,
      error: undefined,
    });
  });

  it("reads it compressed", async () => {
    const compressed = { compressionEnabled: true };
    const { text: heardText, usage } = await heard(fetch, providerBytes.openai, compressed);
    expect({ text: heardText, usage }).toEqual({ text: said.text, usage: said.usage });
  });

  it("is told of an error before the first token, and of one in the middle", async () => {
    const refused = await heard(() => Promise.reject(new Error("sk-1234")), "");
    expect(refused.error).toContain("The answer failed.");
    const broken = await heard(
      () => [start, text("Half"), { type: "error", code: "overloaded", message: "sk-1234" }],
      "",
    );
    expect(broken.error).toContain("The model is overloaded.");
  });

  it("is told when the provider's stream is cut", async () => {
    const cut = providerBytes.openai.slice(0, -300);
    expect((await heard(fetch, cut)).error).toBeDefined();
  });
});

describe("the answer", () => {
  it("has the error of a provider that fails, and what came before it", async () => {
    async function* failing() {
      yield start;
      yield text("Half");
      throw Object.assign(new Error("sk-1234"), { status: 429 });
    }
    const { answer, events } = await piped(failing);
    expect(answer).toMatchObject({ text: "Half", error: { code: "rate-limit" } });
    expect(events.at(-1)).toMatchObject({
      event: "error",
      data: '{"error":"The model gets too many requests. Try again later.","code":"RATE_LIMIT"}',
    });
  });

  it.each([new Error("x"), "x", undefined])("has whatever was thrown: %s", async (thrown) => {
    const { answer } = await piped(() => Promise.reject(thrown));
    expect(answer.error).toMatchObject({ code: "source-error" });
  });

  it("has an error for a part that JSON has no form for", async () => {
    const data = { count: 1n };
    const source = new Source((index) => (index === 0 ? text("Hi") : { type: "metadata", data }));
    const { answer, events } = await piped(() => source);
    expect(answer).toMatchObject({ text: "Hi", error: { message: "a part has no JSON" } });
    expect(events.at(-1)?.event).toBe("error");
    expect(source.returned).toBe(1);
  });

  it("is metered when somebody asks for the figures", async () => {
    const reports: Report[] = [];
    const metered = {
      prices: { m: { input: 1, output: 2 } },
      onFinish: (r: Report) => reports.push(r),
    };
    const { origin, streams } = await serveStreams();
    const body = fetch(origin).then((response) => response.text());
    await (await streams.next()).pipe([start, text("Hi"), usage, finish], metered);
    await eventually(() => reports.length === 1, "a report");
    expect(reports[0]).toMatchObject({ model: "m", status: "finished", usage: usage.usage });
    await body;
    const stopped = new StreamingResponse(new Request("http://x/"));
    stopped.abort();
    await stopped.pipe([start, text("Hi"), finish], metered);
    await eventually(() => reports.length === 2, "a report");
    expect(reports[1]).toMatchObject({ status: "aborted" });
  });

  it("comes after what was sent by hand", async () => {
    const { events } = await piped((stream) => {
      stream.sendMetadata({ chat: 1 }).sendToken("\ud83c");
      return [text("!"), finish];
    });
    expect(events.map(({ event }) => event)).toEqual([
      ...["start", "metadata", "token", "token", "metadata", "done"],
    ]);
  });
});

describe("stopping", () => {
  it("closes the connection to the provider", async () => {
    const gone = deferred();
    await withProvider(
      (response) => {
        response.writeHead(200, { "content-type": "text/event-stream" });
        response.write('data: {"type":"start"}\n\ndata: {"type":"text","text":"Hi"}\n\n');
        response.on("close", gone.resolve);
      },
      async ({ openai }) => {
        const { port, streams } = await serveStreams();
        const client = await RawClient.get(port, "/");
        const stream = await streams.next();
        const { signal } = stream;
        const request = openai.chat.completions.create(
          { ...chatRequest, stream: true },
          { signal },
        );
        const answer = stream.pipe(request);
        await client.bodyIncludes("Hi");
        await client.destroy();
        await within(gone.promise, "closed connection to the provider");
        expect((await answer).aborted).toBeDefined();
      },
    );
  });

  it("comes by a signal of the application's too", async () => {
    const controller = new AbortController();
    const { port, streams } = await serveStreams();
    const client = await RawClient.get(port, "/");
    const source = new Source((index) => (index === 0 ? text("Hi") : silence));
    const answer = (await streams.next()).pipe(source, { signal: controller.signal });
    await client.bodyIncludes("Hi");
    controller.abort("stop button");
    expect((await within(answer, "answer")).aborted).toEqual({
      type: "abort",
      reason: "stop button",
    });
    await client.bodyIsWhole();
    expect(client.body).toContain("The answer was stopped.");
    expect(source.returned).toBe(1);
  });

  it("comes by `end`, which the client takes for a whole answer", async () => {
    const source = new Source((index) => (index === 0 ? text("Hi") : silence));
    const { port, streams } = await serveStreams();
    const client = await RawClient.get(port, "/");
    const stream = await streams.next();
    const answer = stream.pipe(source);
    await client.bodyIncludes("Hi");
    stream.end();
    expect((await within(answer, "answer")).text).toBe("Hi");
    await client.bodyIsWhole();
    expect(client.body).toMatch(/event:done\ndata:{}\n\n$/);
    expect(source.returned).toBe(1);
  });

  it("comes at once for a stream that is over", async () => {
    const strays = strayErrors();
    const { stream } = await piped(() => [start, finish]);
    const source = new Source(() => text("Hi"));
    expect(await stream.pipe(source)).toMatchObject({ text: "", aborted: { type: "abort" } });
    expect(source).toMatchObject({ taken: 0, returned: 1 });
    expect((await stream.pipe(Promise.reject(new Error("x")))).aborted).toBeDefined();
    expect(await strays()).toEqual([]);
  });
});

describe("mistakes in the program", () => {
  it("reject, and the client is told that there is no answer", async () => {
    const strays = strayErrors();
    const { origin, streams } = await serveStreams();
    const body = fetch(origin).then((response) => response.text());
    const stream = await streams.next();
    expect(await errorOf(() => stream.pipe(5 as never))).toMatchObject({
      code: "invalid-argument",
    });
    expect(await within(body, "end")).toMatch(/^event:error\ndata:.*SOURCE_ERROR"}\n\n$/);
    expect(await strays()).toEqual([]);
  });

  it("reject for options that are none", async () => {
    const stream = new StreamingResponse(new Request("http://x/"));
    const error = await errorOf(() => stream.pipe([], { maxChars: -1 }));
    expect(error).toMatchObject({ code: "invalid-option" });
    expect(stream.isStreamActive()).toBe(false);
  });

  it("reject for a second source, and leave the first alone", async () => {
    const { origin, streams } = await serveStreams();
    const body = fetch(origin).then((response) => response.text());
    const stream = await streams.next();
    const go = deferred<Part>();
    const answer = stream.pipe(new Source((index) => (index < 2 ? text("Hi") : go.promise)));
    expect(await errorOf(() => stream.pipe([]))).toMatchObject({ code: "invalid-argument" });
    go.resolve(finish);
    expect((await answer).text).toBe("HiHi");
    expect(await body).toContain("event:done");
  });
});

describe("over Fetch", () => {
  it("reads nothing of the source before the body is read", async () => {
    const source = new Source((index) => (index === 3 ? finish : text("Hi")));
    const stream = new StreamingResponse(new Request("http://x/"));
    const answer = stream.pipe(source);
    await turns(5);
    expect(source.taken).toBe(0);
    expect(await stream.response.text()).toContain("event:done");
    expect((await answer).text).toBe("HiHiHi");
  });

  it("keeps a source that fails before the body is read", async () => {
    const strays = strayErrors();
    const stream = new StreamingResponse(new Request("http://x/"));
    const answer = stream.pipe(Promise.reject(new Error("x")));
    expect(await strays()).toEqual([]);
    expect(await stream.response.text()).toContain("event:error");
    expect((await answer).error).toBeDefined();
  });

  it("sends what came before the body is read, the end among it", async () => {
    const stream = new StreamingResponse(new Request("http://x/"), { id: "a1", model: "m" });
    stream.sendToken("Hi").end();
    await turns(5);
    expect(await stream.response.text()).toContain('{"token":"Hi","index":0}');
  });

  it("stops the source when the body is cancelled", async () => {
    const source = new Source((index) => (index === 0 ? text("Hi") : silence));
    const stream = new StreamingResponse(new Request("http://x/"));
    const reader = stream.response.body?.getReader();
    const answer = stream.pipe(source);
    await reader?.read();
    await reader?.cancel();
    expect((await within(answer, "answer")).aborted).toBeDefined();
    expect(source.returned).toBe(1);
  });

  it("stops the source when the request is aborted before the body is read", async () => {
    const controller = new AbortController();
    const request = new Request("http://x/", { signal: controller.signal });
    const stream = new StreamingResponse(request);
    const source = new Source(() => text("Hi"));
    const answer = stream.pipe(source);
    const aborted = once(stream.signal, "abort");
    controller.abort();
    await within(aborted, "abort");
    expect((await within(answer, "answer")).aborted).toBeDefined();
    expect(source.returned).toBe(1);
  });
});

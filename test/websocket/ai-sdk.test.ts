import * as ai from "ai-7";
import { describe, expect, it, onTestFinished } from "vitest";
import { WebSocket } from "ws";
import { eventually, within } from "../e2e/harness.ts";
import { usage } from "../streaming/generations-setup.ts";
import { finish, start } from "../streaming/written.ts";
import { chatWith, serveChat } from "./chat-setup.ts";
import type { Message, WsClient } from "./setup.ts";

const user = { id: "u1", role: "user", parts: [{ type: "text", text: "Hello?" }] };

/** As `WebSocketChatTransport` of AI SDK 7 sends it. */
const send = (requestId: string, id: string, extra: object = {}) => ({
  type: "send",
  requestId,
  id,
  trigger: "submit-message" as const,
  messages: [user as never],
  headers: {},
  body: {},
  ...extra,
});
const resume = (requestId: string, id: string, extra: object = {}) => ({
  type: "resume",
  requestId,
  id,
  headers: {},
  body: {},
  ...extra,
});

const of = (client: WsClient, requestId: string): Message[] =>
  client.messages.filter((message) => message.requestId === requestId);

describe("frames of the AI SDK", () => {
  it("carry an answer in numbered chunks, and its end", async () => {
    const asked: unknown[] = [];
    const serving = await serveChat({
      start: ({ message }) => {
        asked.push(message);
        return { run: () => [start, { type: "text", text: "Hi" }, usage, finish], messageId: "m7" };
      },
    });
    const client = await chatWith(serving);
    const frame = send("r1", "c1", { body: { model: "x" }, metadata: { n: 1 }, messageId: "u1" });
    client.send(frame);
    await eventually(() => client.messages.at(-1)?.type === "end", "end");
    expect(asked).toEqual([frame]);
    const chunks = client.messages.slice(0, -1);
    expect(chunks.map(({ type, requestId, sequence }) => [type, requestId, sequence])).toEqual(
      chunks.map((_, sequence) => ["chunk", "r1", sequence]),
    );
    expect(chunks.map(({ chunk }) => chunk)).toMatchObject([
      { type: "start", messageId: "m7" },
      { type: "start-step" },
      { type: "text-start" },
      { type: "text-delta", delta: "Hi" },
      { type: "text-end" },
      { type: "finish-step" },
      { type: "finish", finishReason: "stop" },
    ]);
    expect(client.messages.at(-1)).toEqual({ type: "end", requestId: "r1" });
  });

  it("resume an answer from its start, under numbers of the new request", async () => {
    const serving = await serveChat();
    const lost = await chatWith(serving);
    lost.send(send("r1", "c1"));
    const provider = await serving.providers.next();
    provider.say(start, "Hello");
    await eventually(() => JSON.stringify(lost.messages).includes("Hello"), "text");
    lost.ws.terminate();
    const client = await chatWith(serving);
    client.send(resume("r2", "c1"));
    await eventually(() => JSON.stringify(client.messages).includes("Hello"), "text again");
    expect(client.messages[0]).toEqual({ type: "start", requestId: "r2" });
    provider.say(", world", usage, finish);
    await eventually(() => client.messages.at(-1)?.type === "end", "end");
    const chunks = client.messages.slice(1, -1);
    expect(chunks.map(({ sequence }) => sequence)).toEqual(chunks.map((_, n) => n));
    const deltas = chunks.map(({ chunk }) => (chunk as { delta?: string }).delta ?? "");
    expect(deltas.join("")).toBe("Hello, world");
  });

  it("say that there is nothing to resume, also of what is somebody else's", async () => {
    const serving = await serveChat();
    const client = await chatWith(serving);
    client.send(resume("r1", "none"));
    expect(await client.queue.next()).toEqual({ type: "no-active", requestId: "r1" });
    client.send(resume("r2", "theirs"));
    expect(await client.queue.next()).toEqual({
      type: "error",
      requestId: "r2",
      errorText: "This generation is not yours.",
    });
  });

  it("stop the answer by abort, and are silent about it from then on", async () => {
    const serving = await serveChat();
    const client = await chatWith(serving);
    client.send(send("r1", "c1"));
    const provider = await serving.providers.next();
    provider.say(start, "Hello");
    await eventually(() => JSON.stringify(client.messages).includes("Hello"), "text");
    const count = client.messages.length;
    client.send({ type: "abort", requestId: "r1" });
    await eventually(() => provider.signal?.aborted === true, "aborted provider");
    client.send({ type: "abort", requestId: "r1" });
    client.send({ type: "abort", requestId: "unknown" });
    client.send(send("r2", "c1"));
    (await serving.providers.next()).say(start, "Again", usage, finish);
    await eventually(() => client.messages.at(-1)?.type === "end", "end");
    expect(of(client, "r1").length).toBe(count);
    expect(of(client, "unknown")).toEqual([]);
  });

  it("abort a request that has not been answered yet", async () => {
    const serving = await serveChat();
    const client = await chatWith(serving);
    client.send(send("r1", "c1"));
    client.send({ type: "abort", requestId: "r1" });
    await serving.providers.next();
    let status: string | undefined;
    await eventually(() => {
      void serving.generations.get("c1").then((state) => {
        status = state?.status;
      });
      return status === "aborted";
    }, "aborted generation");
  });

  it("leave the answer of another user running, though its request is aborted", async () => {
    const serving = await serveChat({ authorize: (_, __, action) => action !== "stop" });
    const [client, other] = [await chatWith(serving), await chatWith(serving)];
    client.send(send("r1", "c1"));
    const provider = await serving.providers.next();
    provider.say(start, "Hello");
    await eventually(() => JSON.stringify(client.messages).includes("Hello"), "text");
    other.send(resume("r1", "c1"));
    await eventually(() => JSON.stringify(other.messages).includes("Hello"), "text");
    other.send({ type: "abort", requestId: "r1" });
    other.send(resume("r2", "c1"));
    await eventually(() => of(other, "r2").length > 0, "the second request");
    provider.say(usage, finish);
    await eventually(() => client.messages.at(-1)?.type === "end", "end");
    expect(of(other, "r1").at(-1)?.type).toBe("chunk");
  });

  it("carry several requests at once", async () => {
    const serving = await serveChat();
    const client = await chatWith(serving);
    client.send(send("r1", "c1"));
    const first = await serving.providers.next();
    client.send(send("r2", "c2"));
    const second = await serving.providers.next();
    first.say(start, "one");
    second.say(start, "two", usage, finish);
    await eventually(() => of(client, "r2").at(-1)?.type === "end", "second end");
    first.say(usage, finish);
    await eventually(() => of(client, "r1").at(-1)?.type === "end", "first end");
    for (const [requestId, text] of [
      ["r1", "one"],
      ["r2", "two"],
    ] as const) {
      expect(JSON.stringify(of(client, requestId))).toContain(text);
      const chunks = of(client, requestId).slice(0, -1);
      expect(chunks.map(({ sequence }) => sequence)).toEqual(chunks.map((_, n) => n));
    }
  });

  it("say of a running chat that it runs, and leave it alone", async () => {
    const serving = await serveChat();
    const client = await chatWith(serving);
    client.send(send("r1", "c1"));
    const provider = await serving.providers.next();
    provider.say(start, "one");
    await eventually(() => JSON.stringify(client.messages).includes("one"), "text");
    client.send(send("r2", "c1"));
    await eventually(() => of(client, "r2").length === 1, "refusal");
    expect(of(client, "r2")).toMatchObject([
      { type: "error", errorText: expect.stringContaining("is running") },
    ]);
    provider.say(usage, finish);
    await eventually(() => of(client, "r1").at(-1)?.type === "end", "end");
  });

  it("end with an error chunk when the provider fails", async () => {
    const serving = await serveChat();
    const client = await chatWith(serving);
    client.send(send("r1", "c1"));
    (await serving.providers.next()).say(start, new Error("key sk-1"));
    await eventually(() => client.messages.at(-1)?.type === "end", "end");
    expect(client.messages.at(-2)).toMatchObject({ type: "chunk", chunk: { type: "error" } });
    expect(JSON.stringify(client.messages)).not.toContain("sk-1");
  });

  it("and the other messages do not share an answer, which has one protocol", async () => {
    const serving = await serveChat();
    const client = await chatWith(serving);
    client.send({ type: "chat", id: "a" });
    (await serving.providers.next()).say(start, "one");
    client.send(resume("r1", "a"));
    await eventually(() => of(client, "r1").length === 1, "refusal");
    expect(of(client, "r1")[0]).toMatchObject({
      type: "error",
      errorText: expect.stringContaining('protocol is "events"'),
    });
  });

  it.each([
    [{ headers: { a: 1 } }, "headers"],
    [{ headers: undefined }, "headers"],
    [{ body: null }, "body"],
    [{ trigger: "x" }, "trigger"],
    [{ messages: "x" }, "messages"],
    [{ messages: [1] }, "messages"],
    [{ messageId: 1 }, "messageId"],
    [{ id: 1 }, "id"],
    [{ type: "sends" }, "type"],
  ])("are refused with a word for what is wrong: %j", async (extra, name) => {
    const serving = await serveChat();
    const client = await chatWith(serving);
    client.send(send("r1", "c1", extra));
    expect(await client.queue.next()).toEqual({
      type: "error",
      requestId: "r1",
      errorText: expect.stringContaining(name),
    });
    expect(serving.providers.seen).toEqual([]);
  });

  it("are refused where a replay is to begin in the middle, whose deltas would have no start", async () => {
    const client = await chatWith(await serveChat());
    client.send(resume("r1", "c1", { lastSequence: 3 }));
    expect(await client.queue.next()).toMatchObject({
      errorText: expect.stringContaining("lastSequence"),
    });
  });
});

describe("WebSocketChatTransport of AI SDK 7", () => {
  function transportTo(url: string) {
    const transport = new ai.WebSocketChatTransport({ url, webSocket: WebSocket as never });
    onTestFinished(() => transport.close());
    return transport;
  }

  /** What the UI makes of an answer. */
  async function read(stream: ReadableStream, onText: (text: string) => void = () => {}) {
    let message: { id: string; parts: { type: string; text?: string }[] } | undefined;
    let text = "";
    for await (const each of ai.readUIMessageStream({ stream, terminateOnError: true })) {
      message = each;
      text = each.parts.map((part) => ("text" in part ? part.text : "")).join("");
      onText(text);
    }
    return { id: message?.id, text };
  }

  const asked = (chatId: string, abortSignal?: AbortSignal) => ({
    trigger: "submit-message" as const,
    chatId,
    messageId: undefined,
    messages: [user as never],
    abortSignal,
  });

  it("gets an answer, and several over one connection", async () => {
    const serving = await serveChat();
    const transport = transportTo(serving.url);
    const streams = [
      await transport.sendMessages(asked("c1")),
      await transport.sendMessages(asked("c2")),
    ];
    const reading = streams.map((stream) => read(stream));
    for (const text of ["one", "two"]) {
      (await serving.providers.next()).say(start, text, usage, finish);
    }
    expect((await within(Promise.all(reading), "answers")).map(({ text }) => text)).toEqual([
      "one",
      "two",
    ]);
    expect(serving.server.clients.size).toBe(1);
  });

  it("resumes after a lost connection, as the same message, and is told where there is nothing", async () => {
    const serving = await serveChat();
    const first = transportTo(serving.url);
    let seen = "";
    const lost = read(await first.sendMessages(asked("c1")), (text) => {
      seen = text;
    }).catch((error: Error) => error);
    const provider = await serving.providers.next();
    provider.say(start, "Hello");
    await eventually(() => seen === "Hello", "text");
    for (const ws of serving.server.clients) ws.terminate();
    expect(await within(lost, "broken stream")).toBeInstanceOf(Error);
    const stream = await within(
      first.reconnectToStream({ chatId: "c1", abortSignal: undefined }) as Promise<ReadableStream>,
      "resumed stream",
    );
    const rest = read(stream);
    provider.say(", world", usage, finish);
    expect(await within(rest, "answer")).toEqual({ id: "a1", text: "Hello, world" });
    expect(await first.reconnectToStream({ chatId: "none" })).toBeNull();
    expect(provider.asked).toBe(1);
  });

  it("stops the answer by its abort signal", async () => {
    const serving = await serveChat();
    const transport = transportTo(serving.url);
    const abort = new AbortController();
    let seen = "";
    const reading = read(await transport.sendMessages(asked("c1", abort.signal)), (text) => {
      seen = text;
    });
    const provider = await serving.providers.next();
    provider.say(start, "Hello");
    await eventually(() => seen === "Hello", "text");
    abort.abort();
    await within(reading, "end");
    await eventually(() => provider.signal?.aborted === true, "aborted provider");
  });

  it("errors where the server refuses", async () => {
    const serving = await serveChat();
    const transport = transportTo(serving.url);
    const stream = await transport.sendMessages(asked("theirs"));
    await expect(within(read(stream), "outcome")).rejects.toThrow("not yours");
  });

  it("reads an error of the provider as a part of the answer", async () => {
    const serving = await serveChat();
    const transport = transportTo(serving.url);
    const stream = (await transport.sendMessages(asked("c1"))) as ReadableStream;
    (await serving.providers.next()).say(start, "Hel", new Error("x"));
    const types: string[] = [];
    for await (const { type } of stream) types.push(type);
    expect(types.at(-1)).toBe("error");
  });
});

import { describe, expect, it, onTestFinished, vi } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { WebSocketChat, type WebSocketChatConfig } from "../../lib/websocket/browser.ts";
import { deferred, errorOf, eventually, Queue, within } from "../e2e/harness.ts";
import { usage } from "../streaming/generations-setup.ts";
import { finish, start } from "../streaming/written.ts";
import { type ChatServing, serveChat } from "./chat-setup.ts";
import { type Message, serveWebSockets } from "./setup.ts";

const fast = { initialDelay: 1, maxDelay: 5 };

function openChat(url: string, config: Partial<WebSocketChatConfig> = {}) {
  const chat = new WebSocketChat({ url, WebSocket, retry: fast, ...config });
  onTestFinished(() => chat.close());
  const seen: string[] = [];
  const tokens: string[] = [];
  for (const name of ["streaming-start", "restart", "retry", "streaming-end"] as const) {
    chat.on(name, () => seen.push(name));
  }
  chat.on("token", (token) => tokens.push(token));
  return { chat, seen, tokens, text: () => tokens.join("") };
}

/** Cuts all connections of the server, as a network does. */
const cut = ({ server }: ChatServing) => {
  for (const ws of server.clients) ws.terminate();
};

/** A server that does what the test says: each connection's messages, in order. */
async function scripted(onConnection: (ws: WebSocket, number: number) => void = () => {}) {
  const received = new Queue<Message & { socket: number }>();
  const sockets: WebSocket[] = [];
  const { url } = await serveWebSockets((ws) => {
    const socket = sockets.push(ws) - 1;
    ws.on("message", (data) => received.put({ ...JSON.parse(String(data)), socket }));
    onConnection(ws, socket);
  });
  const say = (message: object, socket = sockets.length - 1) =>
    sockets[socket]?.send(JSON.stringify(message));
  return { url, received, sockets, say };
}

describe("WebSocketChat", () => {
  it("sends the conversation, and resolves with the answer and its usage", async () => {
    const asked: unknown[] = [];
    const serving = await serveChat({
      start: ({ message }) => {
        asked.push(message);
        return { run: () => [start, { type: "text", text: "Hi" }, usage, finish] };
      },
    });
    const messages = [{ role: "system" as const, content: "Be brief." }];
    const { chat, seen, tokens } = openChat(serving.url, { messages });
    const message = await within(chat.send("Hello?"), "answer");
    expect(message).toMatchObject({
      role: "assistant",
      content: "Hi",
      status: "done",
      usage: { promptTokens: 3, completionTokens: 2, totalTokens: 5 },
    });
    expect(asked).toMatchObject([
      {
        type: "chat",
        id: message.id,
        prompt: "Hello?",
        messages: [
          { role: "system", content: "Be brief." },
          { role: "user", content: "Hello?" },
        ],
      },
    ]);
    expect([seen, tokens]).toEqual([["streaming-start", "streaming-end"], ["Hi"]]);
    expect(chat.getMessages().map(({ content }) => content)).toEqual(["Be brief.", "Hello?", "Hi"]);
    await within(chat.send("And now?"), "second answer");
    expect(serving.server.clients.size).toBe(1);
  });

  it("yields tokens to for await, of the answer that is under way and to its end", async () => {
    const serving = await serveChat();
    const { chat } = openChat(serving.url);
    const answer = chat.send("Hello?");
    const provider = await serving.providers.next();
    provider.say(start, "one ");
    await eventually(() => chat.getMessages().at(-1)?.content === "one ", "first token");
    expect(chat.getIsStreaming()).toBe(true);
    let text = "";
    const reading = (async () => {
      for await (const token of chat) text += token;
    })();
    provider.say("two", usage, finish);
    await within(reading, "end of the loop");
    expect(text).toBe("one two");
    expect((await answer).content).toBe("one two");
  });

  it("resumes after the last event when the connection is lost, with nothing doubled or lost", async () => {
    const serving = await serveChat();
    const { chat, seen, text } = openChat(serving.url);
    const answer = chat.send("Hello?");
    const provider = await serving.providers.next();
    provider.say(start);
    let said = "";
    for (let n = 0; n < 200; n++) {
      provider.say(`${n} `);
      said += `${n} `;
      if (n % 40 === 20) {
        await eventually(() => text().length > said.length - 30, `some of ${n}`);
        cut(serving);
      }
    }
    provider.say(usage, finish);
    const message = await within(answer, "answer");
    expect(message).toMatchObject({ content: said, status: "done" });
    expect(text()).toBe(said);
    expect(seen.filter((name) => name === "retry").length).toBeGreaterThan(0);
    expect(seen).not.toContain("restart");
    expect(serving.providers.seen.length).toBe(1);
  });

  it("shows nothing twice when the answer comes from its start again", async () => {
    const { url, received, say, sockets } = await scripted();
    const { chat, text, seen } = openChat(url);
    const answer = chat.send("Hello?");
    const { id } = await received.next();
    say({ type: "start", id });
    say({ type: "text", id, text: "Hello, " });
    await eventually(() => text() === "Hello, ", "text");
    sockets[0]?.terminate();
    expect(await received.next()).toEqual({ type: "resume", id, socket: 1 });
    say({ type: "start", id });
    say({ type: "text", id, text: "Hello, wor" });
    say({ type: "text", id, text: "ld", eventId: "r.5" });
    await eventually(() => text() === "Hello, world", "rest");
    sockets[1]?.terminate();
    expect(await received.next()).toEqual({ type: "resume", id, lastEventId: "r.5", socket: 2 });
    say({ type: "done", id, eventId: "r.6" });
    expect(await within(answer, "answer")).toMatchObject({ content: "Hello, world" });
    expect(seen).not.toContain("restart");
  });

  it("says so when another answer has taken the place of the one that it showed", async () => {
    const { url, received, say } = await scripted();
    const { chat, seen } = openChat(url);
    const answer = chat.send("Hello?");
    const { id } = await received.next();
    say({ type: "start", id });
    say({ type: "text", id, text: "Hello" });
    say({ type: "gap", id, reason: "unknown-id" });
    say({ type: "start", id });
    say({ type: "text", id, text: "Bye" });
    say({ type: "done", id });
    expect(await within(answer, "answer")).toMatchObject({ content: "Bye" });
    expect(seen).toEqual(["streaming-start", "restart", "streaming-end"]);
  });

  it("asks again only while the server knows nothing of its question", async () => {
    const { url, received, say, sockets } = await scripted();
    const { chat } = openChat(url);
    const answer = chat.send("Hello?");
    const asked = await received.next();
    sockets[0]?.terminate();
    expect(await received.next()).toMatchObject({ type: "resume", id: asked.id });
    const refusal = { type: "error", id: asked.id, code: "not-found", message: "none" };
    say({ ...refusal, refused: "resume" });
    expect(await received.next()).toEqual({ ...asked, socket: 1 });
    // The first one was read late, and runs.
    say({ ...refusal, code: "generation-exists", refused: "chat" });
    expect(await received.next()).toMatchObject({ type: "resume", id: asked.id });
    say({ type: "start", id: asked.id, eventId: "r.0" });
    sockets[1]?.terminate();
    expect(await received.next()).toMatchObject({ type: "resume", lastEventId: "r.0" });
    say({ ...refusal, refused: "resume" });
    expect(await errorOf(() => within(answer, "answer"))).toMatchObject({ code: "incomplete" });
    expect(received.unread).toBe(0);
  });

  it("takes up an answer after a page reload, and is told when there is none", async () => {
    const serving = await serveChat();
    const first = openChat(serving.url);
    const begun = first.chat.send("Hello?");
    const provider = await serving.providers.next();
    provider.say(start, "one ");
    await eventually(() => first.text() === "one ", "text");
    const id = first.chat.getMessages().at(-1)?.id ?? "";
    first.chat.close();
    expect(await begun).toMatchObject({ status: "stopped", content: "one " });
    const second = openChat(serving.url);
    const resumed = second.chat.resume(id);
    await eventually(() => second.text() === "one ", "text again");
    provider.say("two", usage, finish);
    expect(await within(resumed, "answer")).toMatchObject({
      content: "one two",
      status: "done",
      id,
    });
    expect(await within(second.chat.resume("none"), "outcome")).toBeUndefined();
    expect(provider.asked).toBe(1);
  });

  it("keeps what it has of an answer that the server has no more, and tells of no start", async () => {
    const { url } = await serveChat();
    const messages = [
      { role: "user" as const, content: "Hello?" },
      { role: "assistant" as const, content: "one ", id: "gone" },
    ];
    const { chat, seen } = openChat(url, { messages });
    expect(await within(chat.resume("gone"), "outcome")).toBeUndefined();
    expect(chat.getMessages()).toMatchObject(messages);
    expect([seen, chat.getIsStreaming()]).toEqual([[], false]);
  });

  it("stops the answer at the server, and keeps what has come", async () => {
    const serving = await serveChat();
    const { chat, text } = openChat(serving.url);
    const answer = chat.send("Hello?");
    const provider = await serving.providers.next();
    provider.say(start, "one ");
    await eventually(() => text() === "one ", "text");
    chat.cancel();
    expect(await within(answer, "answer")).toMatchObject({ status: "stopped", content: "one " });
    await eventually(() => provider.signal?.aborted === true, "aborted provider");
    const next = chat.send("Again?");
    (await serving.providers.next()).say(start, "two", usage, finish);
    expect(await within(next, "answer")).toMatchObject({ content: "two" });
  });

  it("has the answer stopped when it is connected again, if it is not", async () => {
    const serving = await serveChat();
    const { chat, text, seen } = openChat(serving.url);
    const answer = chat.send("Hello?");
    const provider = await serving.providers.next();
    provider.say(start, "one ");
    await eventually(() => text() === "one ", "text");
    cut(serving);
    await eventually(() => seen.includes("retry"), "lost connection");
    chat.cancel();
    expect(await within(answer, "answer")).toMatchObject({ status: "stopped" });
    await eventually(() => provider.signal?.aborted === true, "aborted provider");
  });

  it("has all answers stopped that were cancelled while it was not connected", async () => {
    const { url, received, sockets } = await scripted();
    const { chat, seen } = openChat(url, { retry: { initialDelay: 500 } });
    const answer = chat.send("Hello?");
    const { id } = await received.next();
    sockets[0]?.terminate();
    await eventually(() => seen.includes("retry"), "lost connection");
    chat.cancel();
    await within(answer, "answer");
    const other = chat.resume("other");
    chat.cancel();
    await within(other, "other answer");
    const cancels = [await received.next(), await received.next()];
    expect(cancels).toMatchObject([
      { type: "cancel", id },
      { type: "cancel", id: "other" },
    ]);
  });

  it("is told when somebody else has stopped the answer", async () => {
    const serving = await serveChat();
    const { chat, text } = openChat(serving.url);
    const answer = chat.send("Hello?");
    (await serving.providers.next()).say(start, "one ");
    await eventually(() => text() === "one ", "text");
    await serving.generations.stop(chat.getMessages().at(-1)?.id ?? "");
    expect(await within(answer, "answer")).toMatchObject({ status: "stopped", content: "one " });
  });

  it("refuses a second question while one is under way", async () => {
    const serving = await serveChat();
    const { chat } = openChat(serving.url);
    const answer = chat.send("Hello?");
    expect(await errorOf(() => chat.send("And?"))).toMatchObject({ code: "busy" });
    expect(await errorOf(() => chat.resume("a"))).toMatchObject({ code: "busy" });
    chat.close();
    expect(await within(answer, "answer")).toMatchObject({ status: "stopped", content: "" });
  });

  it.each([
    [
      "throws",
      () => {
        throw new Error("no body");
      },
      "no body",
    ],
    ["has no JSON", () => ({ n: 1n }), "BigInt"],
  ])(
    "keeps nothing of a question whose body %s, and can be asked the next",
    async (_, fail, why) => {
      const { url } = await serveChat({ start: () => ({ run: () => [start, finish] }) });
      let body: (() => object) | undefined = fail;
      const { chat, seen } = openChat(url, { body: (asked) => body?.() ?? asked });
      expect(() => chat.send("Hello?")).toThrow(why);
      expect([chat.getMessages(), chat.getIsStreaming(), seen]).toEqual([[], false, []]);
      body = undefined;
      expect(await within(chat.send("Hello!"), "answer")).toMatchObject({ status: "done" });
    },
  );

  it("rejects with why an answer failed or was refused", async () => {
    const serving = await serveChat({
      start: ({ message }) => {
        if (message.type === "chat" && message.prompt === "bad") throw new Error("no");
        return {
          run: () => [
            start,
            { type: "error", code: "rate-limit", message: "slow down", retryable: true },
          ],
        };
      },
      onError() {},
    });
    const { chat } = openChat(serving.url);
    const errors: string[] = [];
    chat.on("error", ({ code }) => errors.push(code));
    expect(await errorOf(() => within(chat.send("x"), "outcome"))).toMatchObject({
      code: "answer-failed",
      cause: { code: "rate-limit" },
    });
    expect(await errorOf(() => within(chat.send("bad"), "outcome"))).toMatchObject({
      code: "answer-failed",
      cause: { code: "internal" },
    });
    expect(errors).toEqual(["answer-failed", "answer-failed"]);
    expect(chat.getMessages().at(-1)).toMatchObject({
      status: "failed",
      error: { code: "answer-failed" },
    });
  });

  it("gives up after as many attempts in a row as it may make", async () => {
    const { chat, seen } = openChat("ws://127.0.0.1:9/", { retry: { ...fast, maxRetries: 3 } });
    expect(await errorOf(() => within(chat.send("x"), "outcome"))).toMatchObject({
      code: "connection-error",
    });
    expect(seen.filter((name) => name === "retry").length).toBe(3);
  });

  it.each([[1008], [4401]])("does not come back to a server that closes with %i", async (code) => {
    const { url, sockets } = await scripted((ws) => ws.close(code, "not you"));
    const { chat } = openChat(url);
    expect(await errorOf(() => within(chat.send("x"), "outcome"))).toMatchObject({
      code: "connection-error",
      message: expect.stringContaining(`${code}: not you`),
    });
    expect(sockets.length).toBe(1);
  });

  it("waits for as long as the server asks for", async () => {
    const { url, received, say, sockets } = await scripted();
    const { chat } = openChat(url);
    const delay = deferred<number>();
    chat.on("retry", (notice) => delay.resolve(notice.delay));
    const answer = chat.send("x");
    const { id } = await received.next();
    say({ type: "retry", retry: 300 });
    sockets[0]?.close(1001);
    expect(await within(delay.promise, "delay")).toBeGreaterThanOrEqual(300);
    await received.next();
    say({ type: "start", id });
    say({ type: "done", id });
    await within(answer, "answer");
  });

  it.each([["not json"], ["null"], ["[1]"], ['{"type":"text","id":7}'], ["{}"]])(
    "outlives a server that says %s",
    async (junk) => {
      const { url, received, sockets } = await scripted();
      const { chat } = openChat(url, { retry: false });
      const answer = chat.send("x");
      const { id } = await received.next();
      sockets[0]?.send(junk);
      sockets[0]?.send(JSON.stringify({ type: "start", id }));
      sockets[0]?.send(JSON.stringify({ type: "done", id }));
      const outcome = await within(answer, "outcome").catch((error) => error);
      const isRead = junk.startsWith("{") || junk.startsWith("[");
      expect(outcome).toMatchObject(isRead ? { status: "done" } : { code: "connection-error" });
    },
  );

  it("hands on events of the session", async () => {
    const serving = await serveChat();
    const { chat } = openChat(serving.url);
    const events = new Queue<unknown>();
    chat.on("event", (event) => events.put(event));
    const answer = chat.send("x");
    (await serving.sessions.next()).push({ users: 2 }, "presence", "9");
    expect(await events.next()).toEqual({
      type: "event",
      event: "presence",
      id: "9",
      data: { users: 2 },
    });
    chat.close();
    await answer;
  });

  it("says what is wrong with its options and its surroundings", async () => {
    expect(await errorOf(() => openChat("ws://x", { retry: { maxRetries: -1 } }))).toMatchObject({
      code: "invalid-option",
    });
    for (const given of [{ url: "not a url" }, { url: "http://[" }]) {
      const { chat } = openChat("", given);
      expect(await errorOf(() => chat.send("x"))).toMatchObject({ code: "connection-error" });
    }
  });

  it("asks for a new address for each connection, where that is a function", async () => {
    const serving = await serveChat();
    let asked = 0;
    const { chat, text } = openChat("", { url: () => `${serving.url}?token=${++asked}` });
    const answer = chat.send("x");
    const provider = await serving.providers.next();
    provider.say(start, "a");
    await eventually(() => text() === "a", "text");
    cut(serving);
    await eventually(() => asked === 2, "a second token");
    provider.say("b", usage, finish);
    expect(await within(answer, "answer")).toMatchObject({ content: "ab" });
  });

  it("does not connect again for a question that was cancelled before it was sent", async () => {
    const urls: string[] = [];
    const { chat } = openChat("", {
      url: () => `ws://127.0.0.1:9/${urls.push("")}`,
      retry: { initialDelay: 60_000, maxDelay: 60_000 },
    });
    const answer = chat.send("x");
    await new Promise<void>((resolve) => chat.on("retry", () => resolve()));
    chat.cancel();
    expect(await answer).toMatchObject({ status: "stopped" });
    // There is no timer left that it would wait for.
    void chat.send("y");
    expect(urls).toHaveLength(2);
  });

  it("leaves no connection and no timer behind", async () => {
    const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
    onTestFinished(() => server.close());
    await new Promise((resolve) => server.once("listening", resolve));
    const { port } = server.address() as { port: number };
    for (let n = 0; n < 50; n++) {
      const { chat } = openChat(`ws://127.0.0.1:${port}`);
      const answer = chat.send("x");
      if (n % 2) await new Promise((resolve) => setTimeout(resolve, 2));
      chat.close();
      await answer;
    }
    await eventually(() => server.clients.size === 0, "no client left");
  });
});

it("needs a WebSocket from the start, and says whence", async () => {
  vi.stubGlobal("WebSocket", undefined);
  onTestFinished(() => void vi.unstubAllGlobals());
  const url = "ws://127.0.0.1:1";
  expect(await errorOf(() => new WebSocketChat({ url }))).toMatchObject({
    name: "SseError",
    code: "invalid-option",
    message:
      "stream-llm: WebSocket is undefined; it must be a class of WebSockets; where there is no global one, as in Node before 22, pass that of the package ws.",
  });
  expect(await errorOf(() => new WebSocketChat({ url, WebSocket: {} as never }))).toMatchObject({
    code: "invalid-option",
  });
  expect(new WebSocketChat({ url, WebSocket }).getMessages()).toEqual([]);
  vi.stubGlobal("WebSocket", WebSocket);
  expect(new WebSocketChat({ url }).getMessages()).toEqual([]);
});

import { describe, expect, it } from "vitest";
import { closeAll, createChannel } from "../../lib/index.ts";
import { MemoryStore, type Part } from "../../lib/streaming/server.ts";
import { webSocketChat } from "../../lib/websocket/index.ts";
import { errorOf, eventually, within } from "../e2e/harness.ts";
import { answering, make, usage } from "../streaming/generations-setup.ts";
import { finish, start } from "../streaming/written.ts";
import { chatWith, serveChat, textOf } from "./chat-setup.ts";
import { type Message, openClient } from "./setup.ts";

const types = (messages: readonly { type: string }[]) => messages.map(({ type }) => type);

describe("an answer over a WebSocket", () => {
  it("is started by a chat message, and comes as text, usage and done", async () => {
    const serving = await serveChat();
    const client = await chatWith(serving);
    client.send({ type: "chat", id: "a", prompt: "Hello?" });
    const provider = await serving.providers.next();
    const [begin, ...rest] = answering("Hel", 'lo "\u2028\n');
    provider.say(begin as Part);
    await client.has(1);
    provider.say(...rest);
    await client.has(6);
    const [first] = client.messages;
    const run = String(first?.eventId).split(".")[0];
    expect(client.messages).toEqual([
      { type: "start", id: "a", eventId: `${run}.0`, messageId: "a1", model: "m" },
      { type: "text", id: "a", eventId: `${run}.1`, text: "Hel" },
      { type: "text", id: "a", eventId: `${run}.2`, text: 'lo "\u2028\n' },
      {
        type: "usage",
        id: "a",
        eventId: `${run}.3`,
        usage: { promptTokens: 3, completionTokens: 2, totalTokens: 5 },
      },
      { type: "metadata", id: "a", eventId: `${run}.4`, data: { finishReason: "stop" } },
      { type: "done", id: "a", eventId: `${run}.5`, finishReason: "stop" },
    ]);
    await eventually(() => serving.generations.size === 0, "no generation watched");
    expect(client.ws.readyState).toBe(client.ws.OPEN);
  });

  it("is what start says of the message, the request and the session", async () => {
    const asked: unknown[] = [];
    const serving = await serveChat({
      start: ({ message, request, session }) => {
        asked.push(message, request.url, session.isConnected);
        return { id: message.id, run: () => answering("x") };
      },
    });
    const client = await openClient(`${serving.url}?room=1`);
    client.send({ type: "chat", id: "a", messages: [{ role: "user", content: "Hi" }] });
    await eventually(() => types(client.messages).includes("done"), "done");
    expect(asked).toEqual([
      { type: "chat", id: "a", messages: [{ role: "user", content: "Hi" }] },
      "/ws?room=1",
      true,
    ]);
  });

  it("comes beside others, each with its id", async () => {
    const serving = await serveChat();
    const client = await chatWith(serving);
    client.send({ type: "chat", id: "a" });
    const first = await serving.providers.next();
    client.send({ type: "chat", id: "b" });
    const second = await serving.providers.next();
    first.say(start, "one ");
    second.say(start, "two ");
    first.say("one", usage, finish);
    second.say("two", usage, finish);
    await eventually(
      () => types(client.messages).filter((type) => type === "done").length === 2,
      "two ends",
    );
    expect([textOf(client, "a"), textOf(client, "b")]).toEqual(["one one", "two two"]);
  });

  it("is stopped by cancel, which reaches the provider", async () => {
    const serving = await serveChat();
    const client = await chatWith(serving);
    client.send({ type: "chat", id: "a" });
    const provider = await serving.providers.next();
    provider.say(start, "Hel");
    await eventually(() => textOf(client, "a") === "Hel", "text");
    client.send({ type: "cancel", id: "a" });
    await eventually(() => types(client.messages).at(-1) === "cancelled", "cancelled");
    expect(client.messages.at(-1)).toMatchObject({ id: "a", reason: expect.any(String) });
    expect(provider.signal?.aborted).toBe(true);
    expect((await serving.generations.get("a"))?.status).toBe("aborted");
  });

  it("is stopped for those who watch, when another client cancels, who is told too", async () => {
    const serving = await serveChat();
    const [client, other] = [await chatWith(serving), await chatWith(serving)];
    client.send({ type: "chat", id: "a" });
    (await serving.providers.next()).say(start, "Hel");
    await eventually(() => textOf(client, "a") === "Hel", "text");
    other.send({ type: "cancel", id: "a" });
    await eventually(() => types(client.messages).at(-1) === "cancelled", "cancelled");
    expect(await other.queue.next()).toEqual({ type: "cancelled", id: "a" });
    other.send({ type: "cancel", id: "a" });
    expect(await other.queue.next()).toMatchObject({
      code: "not-found",
      refused: "cancel",
      id: "a",
    });
  });

  it("tells of an error of the provider, without its words", async () => {
    const serving = await serveChat();
    const client = await chatWith(serving);
    client.send({ type: "chat", id: "a" });
    (await serving.providers.next()).say(start, "Hel", new Error("key sk-123 is wrong"));
    await eventually(() => types(client.messages).at(-1) === "error", "error");
    const { code, message, refused, eventId } = client.messages.at(-1) as Message;
    expect([code, refused, typeof eventId]).toEqual(["source-error", undefined, "string"]);
    expect(String(message)).not.toContain("sk-123");
  });

  it("goes on when the WebSocket is lost, and is resumed after an id or from its start", async () => {
    const serving = await serveChat();
    const lost = await chatWith(serving);
    lost.send({ type: "chat", id: "a" });
    const provider = await serving.providers.next();
    provider.say(start);
    await lost.has(1);
    provider.say("one ", "two ");
    await lost.has(3);
    const { eventId } = lost.messages[1] as Message;
    lost.ws.terminate();
    provider.say("three ");
    await eventually(() => serving.generations.size === 1, "still running");

    const [client, fresh] = [await chatWith(serving), await chatWith(serving)];
    client.send({ type: "resume", id: "a", lastEventId: eventId });
    fresh.send({ type: "resume", id: "a" });
    await eventually(() => textOf(client, "a") === "two three ", "the rest");
    await eventually(() => textOf(fresh, "a") === "one two three ", "all");
    expect(types(fresh.messages)[0]).toBe("start");
    provider.say("four", usage, finish);
    for (const each of [client, fresh]) {
      await eventually(() => types(each.messages).at(-1) === "done", "done");
    }
    expect(textOf(client, "a")).toBe("two three four");
    expect(textOf(fresh, "a")).toBe("one two three four");
  });

  it("comes whole to a client that resumes after its end, whatever it had", async () => {
    const serving = await serveChat();
    const client = await chatWith(serving);
    client.send({ type: "chat", id: "a" });
    (await serving.providers.next()).say(...answering("all ", "of it"));
    await eventually(() => types(client.messages).at(-1) === "done", "done");
    const late = await chatWith(serving);
    late.send({ type: "resume", id: "a", lastEventId: client.messages.at(-1)?.eventId });
    await eventually(() => types(late.messages).at(-1) === "done", "done again");
    expect([types(late.messages)[0], textOf(late, "a")]).toEqual(["start", "all of it"]);
  });

  it("comes from its start after a gap notice, when the id is not one of its own", async () => {
    const serving = await serveChat();
    const client = await chatWith(serving);
    client.send({ type: "chat", id: "a" });
    (await serving.providers.next()).say(start, "text");
    await eventually(() => textOf(client, "a") === "text", "text");
    client.send({ type: "resume", id: "a", lastEventId: "other.7" });
    await eventually(
      () => types(client.messages).filter((type) => type === "text").length === 2,
      "again",
    );
    expect(client.messages.slice(-3)).toMatchObject([
      { type: "gap", id: "a", reason: "unknown-id" },
      { type: "start", id: "a" },
      { type: "text", id: "a", text: "text" },
    ]);
  });

  it("comes once to a client that resumes what it watches already", async () => {
    const serving = await serveChat();
    const client = await chatWith(serving);
    client.send({ type: "chat", id: "a" });
    const provider = await serving.providers.next();
    provider.say(start, "one ");
    await client.has(2);
    client.send({ type: "resume", id: "a", lastEventId: client.messages[1]?.eventId });
    await serving.sessions.next();
    // What comes next is handled after it.
    client.send({ type: "cancel", id: "none" });
    await client.has(3);
    provider.say("two", usage, finish);
    await eventually(() => types(client.messages).at(-1) === "done", "done");
    expect(textOf(client, "a")).toBe("one two");
  });

  it("makes a slow client wait for its own answer only as long as it may", async () => {
    const serving = await serveChat({ session: { maxBufferedBytes: 100_000, writeTimeout: 100 } });
    const client = await chatWith(serving);
    const other = await chatWith(serving);
    client.send({ type: "chat", id: "a" });
    const provider = await serving.providers.next();
    provider.say(start);
    await client.has(1);
    other.send({ type: "resume", id: "a" });
    await other.has(1);
    client.ws.pause();
    const token = "x".repeat(10_000);
    for (let n = 0; n < 1500; n++) provider.say(token);
    provider.say(usage, finish);
    await eventually(() => types(other.messages).at(-1) === "done", "end for others", 20_000);
    expect(textOf(other, "a").length).toBe(15_000_000);
    await eventually(() => serving.server.clients.size === 1, "the slow client cut off");
  });

  it("breaks off with 1012 where only its watching ends, so that the client asks elsewhere", async () => {
    const store = new MemoryStore();
    const [running, watching] = [
      await serveChat({ generations: { store } }),
      await serveChat({ generations: { store } }),
    ];
    const client = await chatWith(running);
    client.send({ type: "chat", id: "a" });
    const provider = await running.providers.next();
    provider.say(start, "one ");
    await eventually(() => textOf(client, "a") === "one ", "text");
    const other = await chatWith(watching);
    other.send({ type: "resume", id: "a" });
    await eventually(() => textOf(other, "a") === "one ", "text elsewhere");
    await within(watching.generations.close(), "close()");
    expect((await within(other.closed, "closed client")).code).toBe(1012);
    provider.say("two", usage, finish);
    await eventually(() => types(client.messages).at(-1) === "done", "done");
  });
});

describe("a WebSocket of a chat", () => {
  it("is a session, which channels reach beside the answers", async () => {
    const channel = createChannel({ eventId: null });
    const serving = await serveChat();
    const client = await chatWith(serving);
    channel.register(await serving.sessions.next());
    client.send({ type: "chat", id: "a" });
    (await serving.providers.next()).say(start, "Hi");
    await client.has(2);
    channel.broadcast({ users: 2 }, "presence");
    await client.has(3);
    expect(client.messages[2]).toEqual({ type: "event", event: "presence", data: { users: 2 } });
    await channel.close({ event: "bye", retry: 50, spread: 0 });
    expect(client.messages.slice(3)).toEqual([
      { type: "retry", retry: 50 },
      { type: "event", event: "bye", data: null },
    ]);
  });
});

describe("options of webSocketChat", () => {
  const generations = () => make();
  it.each([
    [{}, "start"],
    [{ start: () => ({}) }, "authorize"],
    [{ start() {}, authorize() {}, limits: { messages: 0 } }, "limits.messages"],
    [{ start() {}, authorize() {}, limits: { messageBytes: "1" } }, "limits.messageBytes"],
    [{ start() {}, authorize() {}, limits: { answers: -1 } }, "limits.answers"],
    [{ start() {}, authorize() {}, limits: null }, "limits"],
    [{ start() {}, authorize() {}, onError: 1 }, "onError"],
    [{ start() {}, authorize() {}, session: { keepAlive: 0 } }, "keepAlive"],
    [{ start() {}, authorize() {}, session: { pongTimeout: 0 } }, "pongTimeout"],
    [undefined, "start"],
  ])("are checked at once: %j", async (options, name) => {
    const error = await errorOf(() => webSocketChat(generations(), options as never));
    expect(error).toMatchObject({
      code: "invalid-option",
      message: expect.stringContaining(`${name}`),
    });
  });
});

describe("a server that shuts down", () => {
  it("tells clients of WebSockets as well, and the answer goes on for when they come back", async () => {
    const serving = await serveChat();
    const client = await chatWith(serving);
    client.send({ type: "chat", id: "a" });
    const provider = await serving.providers.next();
    provider.say(start, "one ");
    await eventually(() => textOf(client, "a") === "one ", "text");
    await within(closeAll({ event: "shutdown", retry: 10, spread: 0 }), "closeAll()");
    expect((await within(client.closed, "closed client")).code).toBe(1000);
    expect(client.messages.slice(-2)).toEqual([
      { type: "retry", retry: 10 },
      { type: "event", event: "shutdown", data: null },
    ]);
    const back = await chatWith(serving);
    back.send({ type: "resume", id: "a" });
    provider.say("two", usage, finish);
    await eventually(() => textOf(back, "a") === "one two", "all of it");
  });
});

import { describe, expect, it } from "vitest";
import type { WebSocket } from "ws";
import { createChannel, engineStats } from "../../lib/index.ts";
import { createWebSocketSession } from "../../lib/websocket/index.ts";
import { deferred, eventually, Queue, strayErrors, turns, within } from "../e2e/harness.ts";
import { usage } from "../streaming/generations-setup.ts";
import { finish, start } from "../streaming/written.ts";
import { chatWith, serveChat, textOf } from "./chat-setup.ts";
import { openClient, openStalled, serveWebSockets } from "./setup.ts";

describe("a message that makes no sense", () => {
  const cases: [unknown, object][] = [
    ["", { message: "a message must be a JSON object" }],
    ["not json", { message: "a message must be a JSON object" }],
    ["null", { message: "a message must be a JSON object" }],
    ["[]", { message: "a message must be a JSON object" }],
    ['"chat"', { message: "a message must be a JSON object" }],
    [`${"[".repeat(100_000)}`, { message: "a message must be a JSON object" }],
    [{}, { message: "type must be chat, cancel or resume" }],
    [
      { type: "delete", id: "a" },
      { message: expect.stringContaining("type"), refused: "delete", id: "a" },
    ],
    [{ type: "toString", id: "a" }, { message: expect.stringContaining("type") }],
    [
      { type: ["chat"], id: "a" },
      { message: expect.stringContaining("type"), id: "a" },
    ],
    [{ type: "chat" }, { message: expect.stringContaining("id"), refused: "chat" }],
    [{ type: "chat", id: "" }, { message: expect.stringContaining("id") }],
    [{ type: "chat", id: 7 }, { message: expect.stringContaining("id") }],
    [{ type: "chat", id: "x".repeat(513) }, { message: expect.stringContaining("id") }],
    [{ type: "chat", id: { toString: "x" } }, { message: expect.stringContaining("id") }],
    [
      { type: "resume", id: "a", lastEventId: 7 },
      { message: expect.stringContaining("lastEventId") },
    ],
    [{ type: "chat", id: "a", requestId: null }, { message: expect.stringContaining("requestId") }],
    [
      '{"type":"chat","id":"a","__proto__":{"isAdmin":true}}',
      { message: expect.stringContaining("__proto__") },
    ],
    [
      '{"type":"chat","id":"a","x":[{"\\u005f_proto__":1}]}',
      { message: expect.stringContaining("__proto__") },
    ],
  ];

  it.each(cases)("is refused, and the next one is read: %j", async (given, expected) => {
    const serving = await serveChat();
    const client = await chatWith(serving);
    client.send(given);
    const refusal = await client.queue.next();
    expect(refusal).toMatchObject({ type: "error", code: "invalid-message", ...expected });
    client.send({ type: "cancel", id: "none" });
    expect(await client.queue.next()).toMatchObject({ code: "not-found" });
    expect(serving.providers.seen).toEqual([]);
    expect(({} as { isAdmin?: boolean }).isAdmin).toBeUndefined();
  });

  it("may speak of __proto__ in its text", async () => {
    const serving = await serveChat();
    const client = await chatWith(serving);
    client.send({ type: "chat", id: "a", prompt: 'What is "__proto__":1, and \\u005f?' });
    (await serving.providers.next()).say(start, "Well", usage, finish);
    await eventually(() => client.messages.at(-1)?.type === "done", "done");
  });

  it("ends the connection when it is binary", async () => {
    const client = await chatWith(await serveChat());
    client.ws.send(Buffer.from('{"type":"chat","id":"a"}'));
    expect(await client.queue.next()).toMatchObject({ type: "error", code: "invalid-message" });
    expect(await client.closed).toMatchObject({ code: 1003 });
  });

  it("ends the connection when it is too large, for us or for the server of ws", async () => {
    for (const options of [{ limits: { messageBytes: 1000 } }, { server: { maxPayload: 1000 } }]) {
      const serving = await serveChat(options);
      const client = await chatWith(serving);
      client.send({ type: "chat", id: "a", prompt: "x".repeat(1000) });
      expect(await within(client.closed, "close")).toMatchObject({ code: 1009 });
      expect(serving.providers.seen).toEqual([]);
    }
  });

  it("is measured in bytes, and read whole when it comes in fragments", async () => {
    const serving = await serveChat({ limits: { messageBytes: 200 } });
    const client = await chatWith(serving);
    client.ws.send('{"type":"chat",', { fin: false });
    client.ws.send('"id":"a"}', { fin: true });
    await serving.providers.next();
    client.send({ type: "chat", id: "b", prompt: "ü".repeat(90) });
    expect(await within(client.closed, "close")).toMatchObject({ code: 1009 });
  });
});

describe("too many messages", () => {
  it("end the connection with 1008 and a word why, and what follows is not read", async () => {
    const serving = await serveChat({ limits: { messages: 20 } });
    const client = await chatWith(serving);
    for (let n = 0; n < 1000; n++) client.send({ type: "cancel", id: `${n}` });
    expect(await within(client.closed, "close")).toEqual({
      code: 1008,
      reason: "more than 20 messages in 10 seconds",
    });
    expect(client.messages.at(-1)).toMatchObject({ type: "error", code: "too-many-messages" });
    expect(client.messages.length).toBeLessThanOrEqual(21);
  });

  it("are as many as wait for a slow application too", async () => {
    const gate = deferred();
    let asked = 0;
    const serving = await serveChat({
      limits: { messages: 5 },
      authorize: async () => {
        asked++;
        await gate.promise;
        return true;
      },
    });
    const client = await chatWith(serving);
    for (let n = 0; n < 6; n++) client.send({ type: "cancel", id: "same" });
    expect(await within(client.closed, "close")).toMatchObject({ code: 1008 });
    gate.resolve();
    await turns(20);
    expect(asked).toBeLessThanOrEqual(1);
  });

  it("of a client that reads nothing take no memory", async () => {
    const serving = await serveChat();
    const client = await chatWith(serving);
    client.ws.pause();
    for (let n = 0; n < 100_000; n++) client.ws.send("x");
    await eventually(
      () => serving.server.clients.size === 0 || client.ws.bufferedAmount === 0,
      "heard",
    );
    const [ws] = [...serving.server.clients];
    expect(ws?.bufferedAmount ?? 0).toBeLessThan(100_000);
  });
});

describe("answers of others", () => {
  it("are neither told nor stopped nor started, whether they exist or not", async () => {
    const serving = await serveChat();
    const client = await chatWith(serving);
    const run = () => new Promise<never>(() => {});
    await serving.generations.start("theirs-1", run as never);
    for (const id of ["theirs-1", "theirs-2"]) {
      for (const type of ["resume", "cancel", "chat"]) {
        client.send({ type, id });
        expect(await client.queue.next()).toEqual({
          type: "error",
          id,
          code: "forbidden",
          message: "This generation is not yours.",
          refused: type,
        });
      }
    }
    expect((await serving.generations.get("theirs-1"))?.status).toBe("running");
    expect(await serving.generations.get("theirs-2")).toBeUndefined();
  });

  it.each([[undefined], [1], ["true"], [{}]])("need true, not %j", async (answer) => {
    const serving = await serveChat({ authorize: () => answer as never });
    const client = await chatWith(serving);
    client.send({ type: "resume", id: "a" });
    expect(await client.queue.next()).toMatchObject({ code: "forbidden" });
  });
});

describe("a request that fails", () => {
  it("is told without the application's words, which onError gets", async () => {
    const errors = new Queue<unknown>();
    const serving = await serveChat({
      start: () => {
        throw new Error("password is hunter2");
      },
      onError: (error, { message }) => errors.put([error, message.type]),
    });
    const client = await chatWith(serving);
    client.send({ type: "chat", id: "a" });
    const refusal = await client.queue.next();
    expect(refusal).toEqual({
      type: "error",
      id: "a",
      code: "internal",
      message: "the request failed",
      refused: "chat",
    });
    expect(await errors.next()).toMatchObject([{ message: "password is hunter2" }, "chat"]);
  });

  it("is a warning of the process without onError, and when that throws", async () => {
    const warnings = new Queue<Error>();
    const onWarning = (warning: Error) => warnings.put(warning);
    process.on("warning", onWarning);
    for (const onError of [
      undefined,
      () => {
        throw new Error("twice");
      },
    ]) {
      const serving = await serveChat({
        authorize: () => Promise.reject(new Error("no database")),
        onError,
      });
      const client = await chatWith(serving);
      client.send({ type: "resume", id: "a" });
      expect(await client.queue.next()).toMatchObject({ code: "internal" });
      expect((await warnings.next()).message).toContain(onError ? "twice" : "no database");
    }
    process.off("warning", onWarning);
  });

  it("is one whose start names another id", async () => {
    const errors = new Queue<unknown>();
    const serving = await serveChat({
      start: () => ({ id: "b", run: () => [] }),
      onError: (error) => errors.put(error),
    });
    const client = await chatWith(serving);
    client.send({ type: "chat", id: "a" });
    expect(await client.queue.next()).toMatchObject({ code: "internal", id: "a" });
    expect(await errors.next()).toMatchObject({ code: "invalid-option" });
    expect(await serving.generations.get("b")).toBeUndefined();
  });
});

describe("two chats under one id", () => {
  it("are one: the second is refused, and the first goes on", async () => {
    const serving = await serveChat();
    const client = await chatWith(serving);
    client.send({ type: "chat", id: "a" });
    client.send({ type: "chat", id: "a" });
    const provider = await serving.providers.next();
    await serving.providers.next();
    await eventually(
      () => client.messages.some(({ code }) => code === "generation-exists"),
      "refusal",
    );
    const refusal = client.messages.find(({ type }) => type === "error");
    expect(refusal).toMatchObject({ id: "a", code: "generation-exists", refused: "chat" });
    provider.say(start, "one", usage, finish);
    await eventually(() => client.messages.at(-1)?.type === "done", "done");
    expect(textOf(client, "a")).toBe("one");
  });

  it("take turns where the second is to replace the first", async () => {
    const serving = await serveChat({ replace: true });
    const client = await chatWith(serving);
    client.send({ type: "chat", id: "a" });
    const first = await serving.providers.next();
    first.say(start, "one");
    await eventually(() => textOf(client, "a") === "one", "text");
    client.send({ type: "chat", id: "a" });
    const second = await serving.providers.next();
    second.say(start, "two", usage, finish);
    await eventually(() => client.messages.at(-1)?.type === "done", "done");
    expect(first.signal?.aborted).toBe(true);
    expect(client.messages.filter(({ type }) => type === "cancelled").length).toBe(1);
  });
});

describe("more answers than may be watched", () => {
  it("are refused before they are started, and have room when others end", async () => {
    const serving = await serveChat({ limits: { answers: 2 } });
    const client = await chatWith(serving);
    client.send({ type: "chat", id: "a" });
    const first = await serving.providers.next();
    first.say(start);
    client.send({ type: "chat", id: "b" });
    (await serving.providers.next()).say(start);
    await client.has(2);
    client.send({ type: "chat", id: "c" });
    await client.has(3);
    expect(client.messages[2]).toMatchObject({
      id: "c",
      code: "too-many-answers",
      refused: "chat",
    });
    expect(serving.providers.unread).toBe(0);
    first.say(usage, finish);
    await eventually(() => client.messages.some(({ type }) => type === "done"), "done");
    client.send({ type: "chat", id: "c" });
    await serving.providers.next();
  });
});

/** How many listeners each event of a WebSocket has. */
function listenersOf(ws: WebSocket): Record<string, number> {
  const names = ws.eventNames() as string[];
  return Object.fromEntries(names.map((name) => [name, ws.listenerCount(name)]));
}
/** The server's of `ws` itself. */
const ownListeners = { close: 1 };

it("asks for no more answers at once than may be watched, while start takes its time", async () => {
  const gate = deferred();
  let started = 0;
  const serving = await serveChat({
    limits: { answers: 3 },
    start: async () => {
      started++;
      await gate.promise;
      return { run: () => [start, usage, finish] };
    },
  });
  const client = await chatWith(serving);
  for (let n = 0; n < 20; n++) client.send({ type: "chat", id: `${n}` });
  await client.has(17);
  expect(new Set(client.messages.map(({ code }) => code))).toEqual(new Set(["too-many-answers"]));
  expect(started).toBe(3);
  gate.resolve();
  await eventually(
    () => client.messages.filter(({ type }) => type === "done").length === 3,
    "ends",
  );
});

describe("a socket that closes", () => {
  const leave: [string, (ws: WebSocket) => void][] = [
    ["politely", (ws) => ws.close()],
    ["without a word", (ws) => ws.terminate()],
  ];

  it.each(leave)("%s at every stage leaves the process and the generation alone", async (_, go) => {
    const strays = strayErrors();
    for (let stage = 0; stage < 8; stage++) {
      const gate = deferred();
      const serving = await serveChat({
        authorize: async () => {
          await gate.promise;
          return true;
        },
      });
      const client = await chatWith(serving);
      const session = await serving.sessions.next();
      const at = (reached: number) => stage === reached && go(client.ws);
      at(0);
      if (stage > 0) client.send({ type: "chat", id: "a" });
      at(1);
      await turns(stage * 3);
      at(2);
      // From here on the message has been read.
      if (stage > 3) await serving.providers.next();
      gate.resolve();
      at(3);
      const [provider] = serving.providers.seen;
      at(4);
      provider?.say(start, "one");
      at(5);
      provider?.say(usage);
      at(6);
      provider?.say(finish);
      at(7);
      await eventually(() => !session.isConnected, "end of the session");
      if (!provider) continue;
      await eventually(() => serving.generations.size === 0, "end of the run");
      expect((await serving.generations.get("a"))?.status).toBe("finished");
    }
    expect(await strays()).toEqual([]);
  });

  it("leaves nothing behind, 1000 times over", { timeout: 120_000 }, async () => {
    const channel = createChannel();
    const sockets = new Set<WebSocket>();
    const serving = await serveWebSockets(async (ws, request) => {
      sockets.add(ws);
      const session = await createWebSocketSession(ws, { request });
      if (session.isConnected) channel.register(session);
    });
    const before = engineStats().sessions.stream;
    const listeners = process.listenerCount("warning");
    for (let round = 0; round < 20; round++) {
      const clients = await Promise.all(Array.from({ length: 50 }, () => openClient(serving.url)));
      await eventually(() => channel.sessionCount === 50, "fifty members");
      channel.broadcast(round);
      for (const [n, { ws }] of clients.entries()) n % 2 ? ws.terminate() : ws.close();
      await eventually(() => channel.sessionCount === 0, "no member");
    }
    expect(sockets.size).toBe(1000);
    await eventually(() => serving.server.clients.size === 0, "no client");
    expect(engineStats().sessions.stream).toBe(before);
    for (const ws of sockets) {
      expect(listenersOf(ws)).toEqual(ownListeners);
    }
    expect(process.listenerCount("warning")).toBe(listeners);
  });

  it("leaves no listener of a chat behind either", async () => {
    const serving = await serveChat();
    const sockets: WebSocket[] = [];
    serving.server.on("connection", (ws) => sockets.push(ws));
    for (let n = 0; n < 50; n++) {
      const client = await chatWith(serving);
      const session = await serving.sessions.next();
      client.send({ type: "chat", id: `${n}` });
      const provider = await serving.providers.next();
      provider.say(start);
      await client.has(1);
      client.ws.terminate();
      await eventually(() => !session.isConnected, "end of the session");
      provider.say(usage, finish);
    }
    await eventually(() => serving.generations.size === 0, "no generation watched");
    for (const ws of sockets) {
      expect(listenersOf(ws)).toEqual(ownListeners);
    }
    expect(engineStats().sessions.stream).toBe(0);
  });

  it("has one set of listeners however many sessions and answers it has carried", async () => {
    const serving = await serveChat();
    const client = await chatWith(serving);
    await serving.sessions.next();
    const [ws] = [...serving.server.clients] as [WebSocket];
    const count = () => ws.eventNames().reduce((sum, name) => sum + ws.listenerCount(name), 0);
    const before = count();
    for (let n = 0; n < 60; n++) {
      client.send({ type: "chat", id: `${n}` });
      (await serving.providers.next()).say(start, "x", usage, finish);
      await eventually(
        () => client.messages.filter(({ type }) => type === "done").length === n + 1,
        "done",
      );
    }
    expect(count()).toBe(before);
  });

  it("is not kept for a client that answers no ping, which the generation outlives", async () => {
    const serving = await serveChat({ session: { keepAlive: 20, pongTimeout: 50 } });
    await openStalled(serving.url);
    const session = await serving.sessions.next();
    await eventually(() => !session.isConnected, "end of the session");
    expect(serving.server.clients.size).toBeLessThanOrEqual(1);
    await eventually(() => serving.server.clients.size === 0, "no client");
  });
});

import { Readable } from "node:stream";
import { describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { createChannel, createEventBuffer, createSession } from "../../lib/index.ts";
import { createWebSocketSession } from "../../lib/websocket/index.ts";
import { deferred, errorOf, eventually, Queue, strayErrors, within } from "../e2e/harness.ts";
import { openTab } from "../streaming/generations-setup.ts";
import { connected, ending, openClient, openStalled, serveWebSockets } from "./setup.ts";

describe("events over a WebSocket", () => {
  it("are messages of JSON, with name, id and data", async () => {
    const { session, client } = await connected({ eventId: null });
    session
      .push({ a: [1, " two\n"] }, "named", "7")
      .push("text")
      .push(null, "nothing");
    await client.has(3);
    expect(client.messages).toEqual([
      { type: "event", event: "named", id: "7", data: { a: [1, " two\n"] } },
      { type: "event", event: "message", data: "text" },
      { type: "event", event: "nothing", data: null },
    ]);
  });

  it("have an id of their own unless told otherwise, which is the session's last", async () => {
    const { session, client } = await connected();
    session.push(1);
    const { id } = await client.queue.next();
    expect(id).toMatch(/^.{15}$/);
    expect(session.lastId).toBe(id);
  });

  it("tell data that is no JSON from a string that is", async () => {
    const { session, client } = await connected({ serializer: String, eventId: null });
    session.push('"quoted"').push("bare, \nin two lines").push("12").push("");
    await client.has(4);
    expect(client.messages.map(({ data, raw }) => [data, raw])).toEqual([
      ["quoted", undefined],
      ["bare, \nin two lines", true],
      [12, undefined],
      ["", true],
    ]);
  });

  it("cannot be forged by what names, ids and data hold", async () => {
    const { session, client } = await connected({ eventId: null });
    const evil = '"}\n\ndata: {"type":"event"}\r\nid: 1\r\revent: x\n\n';
    session.push(evil, evil, evil).push("after");
    await client.has(2);
    const flat = evil.replaceAll(/[\r\n]/g, "");
    expect(client.messages).toEqual([
      { type: "event", event: flat, id: flat, data: evil },
      { type: "event", event: "message", data: "after" },
    ]);
  });

  it("come whole however large, and whatever characters they hold", async () => {
    const { session, client } = await connected({ maxBufferedBytes: 10, eventId: null });
    const large = "ü\u{1f600}\u2028".repeat(100_000);
    session.push(large, "large");
    expect(await client.queue.next()).toEqual({ type: "event", event: "large", data: large });
    await session.drained();
    session.push("small");
    expect((await client.queue.next()).data).toBe("small");
  });

  it("come from batches, streams and iterables too", async () => {
    const { session, client } = await connected({ eventId: null });
    await session.batch(
      (buffer) => void buffer.push(1).push(2, "two").comment("unseen").dispatch(),
    );
    await session.iterate([3, 4], { eventName: "part" });
    await session.stream(Readable.from(["5"]));
    await client.has(5);
    expect(client.messages.map(({ event, data }) => [event, data])).toEqual([
      ["message", 1],
      ["two", 2],
      ["part", 3],
      ["part", 4],
      ["stream", "5"],
    ]);
  });

  it("are put together from a buffer whose event is unfinished", async () => {
    const { session, client } = await connected({ eventId: null });
    await session.batch(createEventBuffer({ eventId: null }).event("first").data("half"));
    await session.batch(createEventBuffer({ eventId: null }).data("whole").dispatch());
    expect(await client.queue.next()).toMatchObject({ event: "first", data: '"half"\n"whole"' });
  });

  it("say when to reconnect only where that is asked for", async () => {
    const { session, client } = await connected({ retry: 1500, eventId: null });
    session.push(1);
    await client.has(2);
    expect(client.messages[0]).toEqual({ type: "retry", retry: 1500 });
  });

  it.each([
    ["on the server's side only", { server: { perMessageDeflate: true } }],
    [
      "with every message",
      {
        server: { perMessageDeflate: { threshold: 0 } },
        client: { perMessageDeflate: { threshold: 0 } },
      },
    ],
  ])("come in order when the WebSocket compresses, %s", async (_, options) => {
    const { session, client } = await connected({ eventId: null }, options);
    expect(client.ws.extensions).toContain("permessage-deflate");
    for (let n = 0; n < 200; n++) session.push({ n, padding: "x".repeat(n * 20) });
    await session.drained();
    await client.has(200);
    expect(client.messages.map(({ data }) => (data as { n: number }).n)).toEqual(
      Array.from({ length: 200 }, (_, n) => n),
    );
    const end = ending(session);
    client.ws.close();
    expect(await end).toBe("client-closed");
  });
});

describe("a channel", () => {
  it("reaches clients of SSE and of WebSockets alike, in the same order", async () => {
    const channel = createChannel();
    const { url, origin, app } = await serveWebSockets(async (ws, request) => {
      channel.register(await createWebSocketSession(ws, { request }));
    });
    app.get("/sse", async (req, res) => {
      channel.register(await createSession(req, res));
    });
    const [first, tab, second] = await Promise.all([
      openClient(url),
      openTab(`${origin}/sse`),
      openClient(url),
    ]);
    await eventually(() => channel.sessionCount === 3, "three members");
    for (let n = 0; n < 500; n++) {
      channel.broadcast({ n }, n % 3 ? "tick" : "message");
      if (n % 7 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await Promise.all([first.has(500), second.has(500), tab.has(500)]);
    const overSse = tab.events.map(({ event, id, data }) => ({
      type: "event",
      event,
      id,
      data: JSON.parse(data),
    }));
    expect(first.messages).toEqual(overSse);
    expect(second.messages).toEqual(overSse);
    expect(overSse.map(({ data }) => data.n)).toEqual(Array.from({ length: 500 }, (_, n) => n));
  });

  it("tells each of its clients when to come back, then closes them", async () => {
    const channel = createChannel();
    const { url } = await serveWebSockets(async (ws) => {
      channel.register(await createWebSocketSession(ws));
    });
    const clients = await Promise.all([openClient(url), openClient(url)]);
    await eventually(() => channel.sessionCount === 2, "two members");
    await channel.close({ event: "shutdown", retry: 100, spread: 1000 });
    for (const client of clients) expect(await client.closed).toEqual({ code: 1000, reason: "" });
    const retries = clients.map(({ messages }) => messages[0]?.retry).sort();
    expect(retries).toEqual([100, 600]);
    expect(clients.map(({ messages }) => messages[1])).toEqual([
      { type: "event", event: "shutdown", data: null },
      { type: "event", event: "shutdown", data: null },
    ]);
  });
});

describe("a client that reads too slowly", () => {
  /** A session whose client reads nothing, and whose connection has taken what it takes. */
  async function stalled(options: object) {
    const sessions = new Queue<Awaited<ReturnType<typeof createWebSocketSession<object>>>>();
    const { url } = await serveWebSockets(async (ws, request) => {
      sessions.put(await createWebSocketSession<object>(ws, { request, ...options }));
    });
    const client = await openStalled(url);
    const session = await sessions.next("session");
    return { session, client };
  }

  const filler = "x".repeat(50_000);

  it("is disconnected at its limit, and nothing but that limit is kept for it", async () => {
    const { session } = await stalled({ maxBufferedBytes: 200_000 });
    const end = ending(session);
    let most = 0;
    for (let n = 0; n < 10_000 && session.isConnected; n++) {
      session.push(filler);
      most = Math.max(most, session.bufferedBytes);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await end).toBe("slow-consumer");
    // The limit, and a piece and a message that were taken before.
    expect(most).toBeLessThan(200_000 + 64 * 1024 + 2 * 50_100);
  });

  it.each(["drop-oldest", "drop-newest"] as const)("has events dropped: %s", async (policy) => {
    const { session, client } = await stalled({
      maxBufferedBytes: 200_000,
      slowConsumer: policy,
      writeTimeout: null,
    });
    let dropped = 0;
    session.on("dropped", ({ count }) => {
      dropped += count;
    });
    for (let n = 0; n < 10_000 && dropped < 5; n++) {
      session.push(filler);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(dropped).toBeGreaterThanOrEqual(5);
    expect(session.isConnected).toBe(true);
    client.resume();
    await within(session.drained(), "drained session");
  });

  it("is disconnected when it takes nothing for the write timeout", async () => {
    const { session } = await stalled({ maxBufferedBytes: 50_000_000, writeTimeout: 200 });
    const end = ending(session);
    for (let n = 0; n < 400; n++) session.push(filler);
    expect(await end).toBe("write-timeout");
    expect(await errorOf(() => session.push(1))).toMatchObject({ code: "not-connected" });
  });

  it("has drained() wait for it, and rejected when it goes", async () => {
    const { session, client } = await stalled({ maxBufferedBytes: 50_000_000 });
    for (let n = 0; n < 400; n++) session.push(filler);
    let isDrained = false;
    const draining = session.drained().then(() => {
      isDrained = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(isDrained).toBe(false);
    client.destroy();
    expect(await errorOf(() => within(draining, "settled drained()"))).toMatchObject({
      code: "not-connected",
    });
  });

  it("has what the application sends past the session counted and awaited", async () => {
    const sockets = new Queue<WebSocket>();
    const { url } = await serveWebSockets((ws) => sockets.put(ws));
    const client = await openStalled(url);
    const ws = await sockets.next();
    const session = await createWebSocketSession(ws);
    for (let n = 0; n < 400; n++) ws.send(filler);
    session.push("after all that");
    expect(session.bufferedBytes).toBeGreaterThan(10_000_000);
    client.resume();
    await within(session.drained(), "drained session");
    expect(session.bufferedBytes).toBe(0);
  });
});

describe("a silent connection", () => {
  it("is kept alive by pings, which the client answers", async () => {
    const { session, client } = await connected({ keepAlive: 20, pongTimeout: 5000 });
    await eventually(() => client.pings >= 3, "three pings");
    expect(client.messages).toEqual([]);
    expect(session.isConnected).toBe(true);
  });

  it("has no pings when told so", async () => {
    const { client } = await connected({ keepAlive: null });
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(client.pings).toBe(0);
  });

  it("is given up when the client answers no ping", async () => {
    const { session, client } = await connected(
      { keepAlive: 20, pongTimeout: 50 },
      { client: { autoPong: false } },
    );
    const disconnection = deferred<{ reason: string; error?: Error }>();
    session.once("disconnected", disconnection.resolve);
    expect(await within(disconnection.promise, "end")).toMatchObject({
      reason: "ping-timeout",
      error: { code: "not-connected", message: expect.stringContaining("no ping for 50 ms") },
    });
    expect((await within(client.closed, "closed client")).code).toBe(1006);
  });
});

describe("the end of a session", () => {
  it("closes the WebSocket with the code given, after all that was pushed", async () => {
    const { session, client } = await connected();
    const end = ending(session);
    session.push("last");
    const closing = session.close(4001, "enough");
    expect(session.isConnected).toBe(false);
    expect(await within(client.closed, "closed client")).toEqual({ code: 4001, reason: "enough" });
    await within(closing, "close()");
    expect(client.messages.map(({ data }) => data)).toEqual(["last"]);
    expect(await end).toBe("closed");
  });

  it("has 1000 for its code unless one is given", async () => {
    const { session, client } = await connected();
    const { close } = session;
    await within(close(), "close()");
    expect(await client.closed).toEqual({ code: 1000, reason: "" });
  });

  it.each([[999], [1004], [1005], [1006], [1015], [2000], [5000], ["1000"], [1000.5]])(
    "refuses the code %j",
    async (code) => {
      const { session } = await connected();
      expect(await errorOf(() => session.close(code as number))).toMatchObject({
        code: "invalid-argument",
      });
      expect(await errorOf(() => session.close(1000, "x".repeat(124)))).toMatchObject({
        code: "invalid-argument",
      });
      expect(session.isConnected).toBe(true);
    },
  );

  it("does not wait for ever for a client that does not answer the close", async () => {
    const sessions = new Queue<Awaited<ReturnType<typeof createWebSocketSession>>>();
    const { url } = await serveWebSockets(async (ws) =>
      sessions.put(await createWebSocketSession(ws, { writeTimeout: 50 })),
    );
    await openStalled(url);
    await within((await sessions.next()).close(), "close()", 5000);
  });

  it("comes when the client goes, however it does", async () => {
    for (const leave of ["close", "terminate"] as const) {
      const { session, client } = await connected();
      const end = ending(session);
      const { signal } = session;
      client.ws[leave]();
      expect(await end).toBe("client-closed");
      expect(signal.aborted).toBe(true);
      expect(session.getRequest().signal.aborted).toBe(true);
    }
  });

  it("comes when the client breaks the protocol, and no error is left unhandled", async () => {
    const strays = strayErrors();
    const sessions = new Queue<Awaited<ReturnType<typeof createWebSocketSession<object>>>>();
    const { url } = await serveWebSockets(
      async (ws) => sessions.put(await createWebSocketSession<object>(ws)),
      { maxPayload: 1000 },
    );
    const client = await openClient(url);
    const session = await sessions.next();
    const end = ending(session);
    client.ws.send("x".repeat(2000));
    expect(await end).toBe("client-closed");
    expect(await client.closed).toMatchObject({ code: 1009 });
    expect(await strays()).toEqual([]);
  });

  it("comes at once when the client had gone before it began", async () => {
    const reason = deferred<string>();
    const { url } = await serveWebSockets(async (ws) => {
      ws.terminate();
      reason.resolve(await ending(await createWebSocketSession<object>(ws)));
    });
    await openClient(url);
    expect(await within(reason.promise, "reason")).toBe("client-closed");
  });
});

describe("a session's surroundings", () => {
  it("are the upgrade's request, with the last id of its query", async () => {
    const sessions = new Queue<
      Awaited<ReturnType<typeof createWebSocketSession<{ user: string }>>>
    >();
    const { url } = await serveWebSockets(async (ws, request) => {
      const state = { user: "ada" };
      sessions.put(await createWebSocketSession(ws, { request, state }));
    });
    await openClient(`${url}?lastEventId=42&room=a`, { headers: { "X-Room": "b" } });
    const session = await sessions.next();
    const { url: asked, headers, method } = session.getRequest();
    expect(new URL(asked).searchParams.get("room")).toBe("a");
    expect([headers.get("x-room"), method]).toEqual(["b", "GET"]);
    expect(session.lastId).toBe("42");
    expect(session.state.user).toBe("ada");
    expect(session.transport).toBe("stream");
  });

  it.each([
    [{}, "invalid-argument"],
    [null, "invalid-argument"],
    ["ws", "invalid-argument"],
  ])("must be a WebSocket, not %j", async (given, code) => {
    expect(await errorOf(() => createWebSocketSession(given as never))).toMatchObject({ code });
  });

  it("must be a WebSocket that is open", async () => {
    const { url } = await serveWebSockets(() => {});
    const ws = new WebSocket(url);
    expect(await errorOf(() => createWebSocketSession(ws))).toMatchObject({
      code: "invalid-argument",
    });
    await new Promise((resolve) => ws.once("open", resolve));
    ws.terminate();
  });

  it.each([
    [{ pongTimeout: 0 }, "pongTimeout"],
    [{ keepAlive: -1 }, "keepAlive"],
    [{ maxBufferedBytes: 0 }, "maxBufferedBytes"],
    [{ retry: 1.5 }, "retry"],
  ])("refuse options that make no sense: %j", async (options, name) => {
    const outcome = deferred<Error & { code?: string }>();
    const { url } = await serveWebSockets(async (ws) => {
      outcome.resolve(await errorOf(() => createWebSocketSession(ws, options)));
    });
    await openClient(url);
    const error = await outcome.promise;
    expect(error).toMatchObject({ code: "invalid-option", message: expect.stringContaining(name) });
  });
});

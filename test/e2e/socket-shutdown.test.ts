import { createServer } from "node:http";
import { describe, expect, it } from "vitest";
import {
  closeAll,
  createChannel,
  createSession,
  engineStats,
  type Session,
} from "../../lib/index.ts";
import {
  errorOf,
  listen,
  parseStream,
  RawClient,
  requestHead,
  sessionOptions,
  turns,
  within,
} from "./harness.ts";
import { serveSessions } from "./serve.ts";

const plain = { eventId: null, serializer: String } as const;

async function crowd(count: number, options = {}) {
  const server = await serveSessions({ ...plain, ...options });
  const channel = createChannel({ ...plain });
  const clients: RawClient[] = [];
  const sessions: Session[] = [];
  for (let index = 0; index < count; index++) {
    clients.push(await RawClient.get(server.port, "/"));
    sessions.push(await server.sessions.next("session"));
    channel.register(sessions.at(-1) as Session);
  }
  return { server, channel, clients, sessions };
}

/** The last time to reconnect that each client was told, in order. */
const retries = (clients: RawClient[]) =>
  clients.map(({ body }) => parseStream(body).retries.at(-1) as number).sort((a, b) => a - b);

describe("channel.close()", () => {
  it("sends what waits, the farewell and the time to reconnect, ends, and can be used again", async () => {
    const { server, channel, clients, sessions } = await crowd(8);
    for (let event = 0; event < 500; event++) channel.broadcast(`event ${event}`);
    const told: unknown[] = [];
    channel.on("broadcast", (...what) => told.push(what));
    await within(
      channel.close({ event: "farewell", data: "bye", retry: 1000, spread: 8000 }),
      "closed channel",
    );
    expect(channel.sessionCount).toBe(0);
    expect(sessions.some(({ isConnected }) => isConnected)).toBe(false);
    expect(told).toEqual([["bye", "farewell", ""]]);
    for (const client of clients) {
      await client.bodyIsWhole();
      const { events } = parseStream(client.body);
      const data = Array.from({ length: 500 }, (_, n) => `event ${n}`);
      expect(events.map((event) => event.data)).toEqual([...data, "bye"]);
      expect(events.at(-1)?.event).toBe("farewell");
    }
    expect(retries(clients)).toEqual([1000, 2000, 3000, 4000, 5000, 6000, 7000, 8000]);
    expect(server.disconnects.seen).toEqual(Array(8).fill({ reason: "closed" }));

    const client = await RawClient.get(server.port, "/");
    channel.register(await server.sessions.next("session"));
    channel.broadcast("again");
    await client.bodyIncludes("data:again\n\n");
    await channel.close({ retry: null });
    await client.bodyIsWhole();
    expect(client.body).toBe("retry:2000\n\ndata:again\n\n");
  });

  it("spreads thousands evenly over the window, 10 s unless told", async () => {
    const { channel, clients } = await crowd(40);
    await within(channel.close(), "closed channel");
    for (const client of clients) await client.bodyIsWhole();
    const expected = Array.from({ length: 40 }, (_, n) => 2000 + n * 250);
    expect(retries(clients)).toEqual(expected);
    for (const { body } of clients) expect(parseStream(body).events).toEqual([]);
  });

  it("ends the sessions though the farewell cannot be sent, and says so", async () => {
    const { clients, sessions } = await crowd(2, { serializer: undefined });
    const channel = createChannel();
    for (const session of sessions) channel.register(session);
    const error = await errorOf(() => channel.close({ data: { big: 1n } }));
    expect(error).toBeInstanceOf(TypeError);
    for (const client of clients) await client.bodyIsWhole();
    expect(channel.sessionCount).toBe(0);
  });

  it("leaves the clients the id of the event before the farewell, to resume from", async () => {
    const { server, sessions } = await crowd(1, { eventId: "auto" });
    const channel = createChannel().register(sessions[0] as Session);
    channel.broadcast("last", "message", { eventId: "42" });
    await channel.close({ data: "bye", event: "farewell" });
    expect(sessions[0]?.lastId).toBe("42");
    expect(server.disconnects.seen).toHaveLength(1);
  });

  it.each([
    { retry: -1 },
    { retry: 1.5 },
    { retry: "1" },
    { spread: -1 },
    { spread: null },
    { event: 1 },
  ])("refuses %o, and ends nobody", async (options) => {
    const { channel, sessions } = await crowd(1);
    const error = await errorOf(() => channel.close(options as never));
    expect(error.code).toBe("event" in options ? "invalid-argument" : "invalid-option");
    expect(sessions[0]?.isConnected).toBe(true);
  });

  it("leaves other sessions alone", async () => {
    const { server, channel, clients } = await crowd(2);
    const other = await RawClient.get(server.port, "/");
    const session = await server.sessions.next("session");
    await channel.close({ data: "bye" });
    for (const client of clients) await client.bodyIsWhole();
    session.push("still here");
    await other.bodyIncludes("data:still here\n\n");
    expect(other.body).not.toContain("bye");
  });
});

describe("closeAll()", () => {
  it("ends all sessions, so that server.close() completes", async () => {
    const { server, clients } = await crowd(30);
    // Node closes idle connections by itself from then on.
    const closed = new Promise<void>((resolve) => server.server.close(() => resolve()));
    await within(closeAll({ event: "shutdown", data: "bye", spread: 0 }), "closed sessions");
    server.server.closeIdleConnections();
    await within(closed, "closed server");
    for (const client of clients) {
      await within(client.ended, "end of the connection");
      expect(client.body).toBe("retry:2000\n\nretry:2000\n\nevent:shutdown\ndata:bye\n\n");
    }
    expect(engineStats().sessions).toEqual({ stream: 0, socket: 0 });
  });

  it("waits for a client that takes nothing no longer than its writeTimeout", async () => {
    const { clients } = await crowd(3);
    const slow = await serveSessions({ ...plain, writeTimeout: 400, maxBufferedBytes: 1 << 26 });
    const stalled = await RawClient.stalled(slow.port, "/");
    const session = await slow.sessions.next("session");
    for (let size = 0; size < 24 << 20; size += 1 << 16) session.push("x".repeat(1 << 16));
    const start = performance.now();
    await within(closeAll({ data: "bye" }), "closed sessions");
    expect(performance.now() - start).toBeLessThan(3000);
    expect(await slow.disconnects.next("disconnect")).toMatchObject({
      reason: "write-timeout",
      error: { code: "write-timeout" },
    });
    for (const client of clients) {
      await client.bodyIsWhole();
      expect(client.body).toContain("data:bye\n\n");
    }
    stalled.read();
    await within(stalled.ended, "end of the stalled connection");
    expect(stalled.body).not.toContain("bye");
  });

  it("waits for nobody whose connection the server closes, though it may write for ever", async () => {
    const server = await serveSessions({ ...plain, writeTimeout: null, maxBufferedBytes: 1 << 26 });
    const stalled = await RawClient.stalled(server.port, "/");
    const session = await server.sessions.next("session");
    for (let size = 0; size < 24 << 20; size += 1 << 16) session.push("x".repeat(1 << 16));
    let isOver = false;
    const closing = closeAll({ data: "bye" }).then(() => {
      isOver = true;
    });
    await turns(100);
    expect(isOver).toBe(false);
    server.server.closeAllConnections();
    await within(closing, "closed sessions");
    stalled.read();
    await within(stalled.ended, "end of the stalled connection");
  });

  it("ends a session that was created in the same turn, and those with their own text", async () => {
    const ended: Promise<unknown>[] = [];
    const server = await listen(
      createServer((req, res) => {
        const serializer = (data: unknown) => `own ${data}`;
        ended.push(createSession(req, res, sessionOptions({ ...plain, retry: null, serializer })));
        ended.push(closeAll({ data: "bye", retry: null }));
      }),
    );
    const client = await RawClient.get(server.port, "/");
    await client.bodyIsWhole();
    await within(Promise.all(ended), "closed sessions");
    expect(client.body).toBe("data:own bye\n\n");
  });

  it("ends those that wait behind another on their connection", async () => {
    const server = await serveSessions({ ...plain, retry: null });
    const client = await RawClient.connect(server.port);
    client.write(requestHead("/1") + requestHead("/2"));
    await server.sessions.take(2, "session");
    await within(closeAll({ data: "bye", retry: null }), "closed sessions");
    await client.bodyIsWhole(1);
    expect(client.responses.map(({ body }) => String(body))).toEqual(Array(2).fill("data:bye\n\n"));
  });

  it("resolves when there is nobody", async () => {
    await within(closeAll(), "closed sessions");
  });
});

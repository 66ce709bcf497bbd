import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { describe, expect, it } from "vitest";
import { createChannel, createSession, type Session, SseError } from "../../lib/index.ts";
import {
  errorOf,
  listen,
  nextTurn,
  Queue,
  RawClient,
  sessionOptions,
  strayErrors,
  turns,
  within,
} from "./harness.ts";
import { type Disconnect, serveSessions } from "./serve.ts";

type Setup = (
  req: IncomingMessage,
  res: ServerResponse,
  client: Promise<RawClient>,
) => Promise<Session>;

/** Runs `setup` for one request of a client that goes away as `setup` decides; gathers what happened. */
async function unluckySession(setup: Setup) {
  const strays = strayErrors();
  const sessions = new Queue<Session>();
  const disconnects = new Queue<Disconnect>();
  const failures: unknown[] = [];
  let arrived: Promise<RawClient>;
  const server = await listen(
    createServer(async (req, res) => {
      try {
        const session = await setup(req, res, arrived);
        session.on("disconnected", (how) => disconnects.put(how));
        // An application pushes right away; this must not throw into its handler.
        session.push("hello", "message", "1");
        sessions.put(session);
      } catch (error) {
        failures.push(error);
      }
    }),
  );
  arrived = RawClient.connect(server.port);
  (await arrived).write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  const session = await sessions.next("session");
  await disconnects.next("disconnect");
  expect(session.isConnected).toBe(false);
  expect((await errorOf(() => session.push("late"))).code).toBe("not-connected");
  await server.close();
  await turns(5);
  expect(disconnects.seen).toHaveLength(1);
  expect(failures).toEqual([]);
  expect(await strays()).toEqual([]);
  return { session, disconnect: disconnects.seen[0] as Disconnect };
}

const gone = async (req: IncomingMessage) => {
  // Not once(): that rejects for a reset, which is an error before it is an end.
  if (!req.socket.destroyed) await new Promise((resolve) => req.socket.on("close", resolve));
};

describe("a client that disconnects", () => {
  it("before set-up leaves a session that ends once, after its handlers are attached", async () => {
    await unluckySession(async (req, res, client) => {
      const closed = gone(req);
      await (await client).destroy();
      await within(closed, "closed socket");
      return createSession(req, res, sessionOptions());
    });
  });

  it("before set-up, long ago", async () => {
    await unluckySession(async (req, res, client) => {
      const closed = gone(req);
      await (await client).reset();
      await within(closed, "closed socket");
      await turns(10);
      return createSession(req, res, sessionOptions());
    });
  });

  it("during set-up, between the call and its resolution", async () => {
    await unluckySession(async (req, res) => {
      const setup = createSession(req, res, sessionOptions());
      req.socket.destroy();
      return setup;
    });
  });

  it("during set-up, in the turn of its resolution", async () => {
    await unluckySession(async (req, res) => {
      const setup = createSession(req, res, sessionOptions());
      setImmediate(() => req.socket.destroy());
      return setup;
    });
  });

  it("right after set-up", async () => {
    await unluckySession(async (req, res) => {
      const session = await createSession(req, res, sessionOptions());
      req.socket.destroy();
      return session;
    });
  });

  it("with unread events, by a reset", async () => {
    const server = await serveSessions();
    const client = await RawClient.stalled(server.port, "/");
    const session = await server.sessions.next("session");
    session.push("x".repeat(1 << 16));
    await nextTurn();
    await client.reset();
    const { reason } = await server.disconnects.next("disconnect");
    expect(["client-closed", "connection-error"]).toContain(reason);
    await turns(5);
    expect(server.disconnects.seen).toHaveLength(1);
  });

  it("by half, ending only its own side", async () => {
    const server = await serveSessions({ retry: null });
    const client = await RawClient.get(server.port, "/");
    const session = await server.sessions.next("session");
    session.push("a", "message", "1");
    await client.bodyIncludes('"a"');
    client.socket.end();
    await server.disconnects.next("disconnect");
    expect(session.isConnected).toBe(false);
    expect(server.disconnects.seen).toHaveLength(1);
  });

  it("settles what waits for it: drained(), close(), and the signal with its reason", async () => {
    const server = await serveSessions({ maxBufferedBytes: 1 << 26 });
    const client = await RawClient.stalled(server.port, "/");
    const session = await server.sessions.next("session");
    const { signal } = session;
    expect(signal.aborted).toBe(false);
    const payload = "x".repeat(1 << 20);
    while (session.bufferedBytes < 1 << 20) {
      session.push(payload);
      await nextTurn();
    }
    const drained = session.drained();
    const drainError = errorOf(() => drained);
    const closed = session.close();
    await nextTurn();
    await client.reset();
    expect(await within(drainError, "settled drained()")).toMatchObject({ code: "not-connected" });
    await within(closed, "settled close()");
    expect(signal.aborted).toBe(true);
    expect(signal.reason).toBeInstanceOf(SseError);
    expect(await errorOf(() => session.drained())).toMatchObject({ code: "not-connected" });
    expect(session.signal.aborted).toBe(true);
    expect(session.bufferedBytes).toBe(0);
    expect(server.disconnects.seen).toHaveLength(1);
  });
});

describe("close()", () => {
  it("sends what waits, ends the response, and tells the reason once", async () => {
    const server = await serveSessions({ retry: null });
    const client = await RawClient.get(server.port, "/");
    const session = await server.sessions.next("session");
    const channel = createChannel().register(session);
    const data = "y".repeat(1 << 18);
    for (let index = 0; index < 3; index++) session.push(data, "message", String(index));
    const first = session.close();
    const second = session.close();
    expect((await errorOf(() => session.push("late"))).code).toBe("not-connected");
    channel.broadcast("late");
    await within(Promise.all([first, second]), "close()");
    await client.bodyIsWhole();
    const event = (id: number) => `id:${id}\ndata:"${data}"\n\n`;
    expect(client.body === event(0) + event(1) + event(2)).toBe(true);
    expect(server.disconnects.seen).toEqual([{ reason: "closed" }]);
    expect(channel.sessionCount).toBe(0);
    expect(session.isConnected).toBe(false);
  });

  it("is noticed as closed even when the application ends the response itself", async () => {
    const server = await serveSessions({ retry: null });
    const client = await RawClient.get(server.port, "/");
    const session = await server.sessions.next("session");
    session.push("a", "message", "1");
    await client.bodyIncludes('"a"');
    server.responses[0]?.end();
    await server.disconnects.next("disconnect");
    await client.bodyIsWhole();
    expect(client.body).toBe('id:1\ndata:"a"\n\n');
    expect((await errorOf(() => session.push("late"))).code).toBe("not-connected");
    expect(server.disconnects.seen).toHaveLength(1);
  });
});

import { createServer } from "node:http";
import { describe, expect, it } from "vitest";
import { createChannel, type EngineStats, engineStats, Session } from "../../lib/index.ts";
import { eventually, listen, nextTurn, parseStream, RawClient, sessionOptions } from "./harness.ts";
import { lane, onSocketLane } from "./lane.ts";
import { serveSessions } from "./serve.ts";

const plain = { retry: null, eventId: null, serializer: String } as const;

/** What has been counted since `before`. */
function since(before: EngineStats): EngineStats {
  const now = engineStats();
  const { stream, socket } = before.sessions;
  const reasons = Object.entries(now.disconnected) as [keyof EngineStats["disconnected"], number][];
  const sessions = { stream: now.sessions.stream - stream, socket: now.sessions.socket - socket };
  const disconnected = Object.fromEntries(
    reasons.map(([reason, count]) => [reason, count - before.disconnected[reason]]),
  );
  const names = [
    "frames",
    "bytes",
    "sends",
    "coalesced",
    "blocked",
    "dropped",
    "fallbacks",
  ] as const;
  const counts = Object.fromEntries(names.map((name) => [name, now[name] - before[name]]));
  return { ...counts, sessions, disconnected } as unknown as EngineStats;
}

async function crowd(count: number, options = {}) {
  const before = engineStats();
  const server = await serveSessions({ ...plain, ...options });
  const clients: RawClient[] = [];
  for (let index = 0; index < count; index++) clients.push(await RawClient.get(server.port, "/"));
  const sessions = await server.sessions.take(count, "session");
  return { before, server, clients, sessions };
}

describe("engineStats()", () => {
  it("counts sessions by transport, what has left, and how sessions ended", async () => {
    const { before, server, clients, sessions } = await crowd(5);
    const none = { stream: 0, socket: 0 };
    expect(since(before).sessions).toEqual({ ...none, [lane]: 5 });
    const channel = createChannel(plain);
    for (const session of sessions) channel.register(session);
    for (let event = 0; event < 10; event++) {
      channel.broadcast("x".repeat(100));
      for (const client of clients) {
        await client.until(({ body }) => body.length >= (event + 1) * 107, "event");
      }
    }
    await Promise.all(sessions.map((session) => session.drained()));
    const { frames, bytes, sends, coalesced, blocked, dropped } = since(before);
    expect({ frames, sends, coalesced, blocked, dropped }).toEqual({
      ...{ frames: 50, sends: 50, coalesced: 0, blocked: 0, dropped: 0 },
    });
    // Each in a chunk of its own: "6b", and two line ends.
    expect(bytes).toBe(50 * (107 + (onSocketLane ? 6 : 0)));

    await sessions[0]?.close();
    await sessions[1]?.close();
    await clients[2]?.destroy();
    await server.disconnects.take(3, "disconnect");
    expect(since(before).sessions).toEqual({ ...none, [lane]: 2 });
    expect(since(before).disconnected).toMatchObject({ closed: 2, "client-closed": 1 });
  });

  it('counts a session from "connected" until "disconnected", as its listeners see it', async () => {
    const count = () => engineStats().sessions[lane];
    await eventually(() => count() === 0, "end of the sessions of other tests");
    const counts: number[] = [];
    const server = await listen(
      createServer((req, res) => {
        const session = new Session(req, res, sessionOptions(plain));
        session.on("connected", () => counts.push(count()));
        session.on("disconnected", () => counts.push(count()));
      }),
    );
    for (let round = 0; round < 20; round++) {
      const client = await RawClient.get(server.port, "/");
      await client.until(({ response }) => response !== undefined, "head");
      await client.reset();
      await eventually(() => counts.length === 2 * (round + 1), "disconnect");
    }
    expect(counts).toEqual(Array(20).fill([1, 0]).flat());
  });

  it("counts what leaves together", async () => {
    const { before, clients, sessions } = await crowd(1);
    const [session] = sessions as [Session];
    for (let event = 0; event < 1000; event++) session.push(event);
    await clients[0]?.bodyIncludes("data:999\n\n");
    await session.drained();
    const { frames, sends, coalesced } = since(before);
    expect(frames).toBe(1000);
    expect(sends).toBeLessThan(200);
    expect(coalesced).toBe(frames - sends);
  });

  it("counts what slow clients lose, and those who are cut off", async () => {
    const limits = { maxBufferedBytes: 100_000, keepAlive: null };
    const before = engineStats();
    let lost = 0;
    for (const slowConsumer of ["drop-oldest", "drop-newest", "disconnect"] as const) {
      const server = await serveSessions({ ...plain, ...limits, slowConsumer });
      await RawClient.stalled(server.port, "/");
      const session = await server.sessions.next("session");
      session.on("dropped", ({ count }) => {
        lost += count;
      });
      for (let event = 0; event < 800 && session.isConnected; event++) {
        session.push("x".repeat(20_000));
        if (event % 10 === 0) await nextTurn();
      }
      if (slowConsumer !== "disconnect") continue;
      expect(await server.disconnects.next("disconnect")).toMatchObject({
        reason: "slow-consumer",
        error: { code: "slow-consumer" },
      });
    }
    await eventually(() => lost > 0 && since(before).dropped === lost, "all dropped events told");
    expect(since(before).disconnected["slow-consumer"]).toBe(1);
    if (onSocketLane) expect(since(before).blocked).toBeGreaterThan(0);
  });

  it("is a copy", () => {
    const stats = engineStats();
    stats.disconnected.closed += 1000;
    stats.sessions.socket += 1000;
    expect(since(engineStats()).disconnected.closed).toBe(0);
    expect(engineStats().sessions.socket).toBeLessThan(1000);
  });
});

describe("channel.stats()", () => {
  it("counts sessions, broadcasts and whom they were sent to", async () => {
    const { sessions } = await crowd(4);
    const channel = createChannel(plain);
    expect(channel.stats()).toEqual({ sessions: 0, broadcasts: 0, recipients: 0 });
    channel.broadcast("to nobody");
    for (const session of sessions) channel.register(session);
    channel.broadcast("to all");
    channel.broadcast("to one", "message", { filter: (session) => session === sessions[2] });
    channel.deregister(sessions[0] as Session);
    channel.broadcast("to three");
    expect(channel.stats()).toEqual({ sessions: 3, broadcasts: 4, recipients: 8 });
    await sessions[1]?.close();
    expect(channel.stats()).toEqual({ sessions: 2, broadcasts: 4, recipients: 8 });
  });
});

describe("silence", () => {
  const comments = ({ body }: RawClient) => parseStream(body).comments.length;
  const later = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

  it("is broken by a comment each keepAlive ms", async () => {
    const { clients } = await crowd(1, { keepAlive: 100 });
    const [client] = clients as [RawClient];
    await client.until(({ response }) => response !== undefined, "head");
    const start = performance.now();
    await client.until(() => comments(client) >= 5, "five comments");
    expect(performance.now() - start).toBeGreaterThan(350);
    expect(client.body).toBe(":\n\n".repeat(comments(client)));
  });

  it("is not there while events are sent, whoever sends them", async () => {
    const { clients, sessions } = await crowd(1, { keepAlive: 600 });
    const [client] = clients as [RawClient];
    const [session] = sessions as [Session];
    const channel = createChannel(plain).register(session);
    for (let event = 0; event < 40; event++) {
      if (event % 2 === 0) session.push(event);
      else channel.broadcast(event);
      await later(30);
    }
    await session.close();
    await client.bodyIsWhole();
    expect(comments(client)).toBe(0);
    expect(parseStream(client.body).events).toHaveLength(40);
  });
});

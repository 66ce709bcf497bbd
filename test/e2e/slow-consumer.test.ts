import { describe, expect, it } from "vitest";
import { createChannel, createResponse, type Session } from "../../lib/index.ts";
import {
  deferred,
  errorOf,
  eventually,
  nextTurn,
  parseStream,
  RawClient,
  turns,
  within,
} from "./harness.ts";
import { serveSessions } from "./serve.ts";

const limit = 256 * 1024;
const payload = "x".repeat(32 * 1024);
/** More than the kernel's buffers of one connection and our limit can hold together. */
const flood = 1500;
/** What was handed to Node and waits in the response, which `bufferedBytes` counts as well. */
const inNode = 128 * 1024;

async function stalledSession(options: Parameters<typeof serveSessions>[0]) {
  const server = await serveSessions({
    retry: null,
    keepAlive: null,
    maxBufferedBytes: limit,
    serializer: String,
    ...options,
  });
  const client = await RawClient.stalled(server.port, "/");
  const session = await server.sessions.next("session");
  const response = server.responses[0] as (typeof server.responses)[0];
  const dropped = { count: 0 };
  session.on("dropped", ({ count }) => {
    dropped.count += count;
  });
  return { server, client, session, response, dropped };
}

/** Pushes numbered events, a turn for each, until the session ends or `flood` have been pushed. */
async function pushUntilRefused(session: Session, watch: () => void = () => {}, count = flood) {
  let pushed = 0;
  while (pushed < count && session.isConnected) {
    session.push(payload, "message", String(pushed++));
    watch();
    await nextTurn();
    watch();
  }
  return pushed;
}

/**
 * On the pull lane the limit holds at every moment. On the other the I/O thread enforces it when it
 * comes to what was pushed, so on a busy machine somewhat later.
 */
async function expectBounded(session: Session, most: number) {
  if (session.transport === "stream") expect(most).toBeLessThanOrEqual(limit + inNode);
  await eventually(() => session.bufferedBytes <= limit + inNode, "session within its limit");
}

describe("a client that stops reading", () => {
  it("is disconnected by default, with the reason, its memory bounded, the others unharmed", async () => {
    const { server, client, session, response } = await stalledSession({});
    const healthy = await RawClient.get(server.port, "/");
    const channel = createChannel();
    channel.register(session).register(await server.sessions.next("healthy session"));
    const most = { ours: 0, nodes: 0 };
    let sent = 0;
    while (session.isConnected && sent < flood) {
      channel.broadcast(payload, "message", { eventId: String(sent++) });
      await healthy.bodyIncludes(`id:${sent - 1}\n`);
      most.ours = Math.max(most.ours, session.bufferedBytes);
      most.nodes = Math.max(most.nodes, response.writableLength);
    }
    expect(await server.disconnects.next("disconnect")).toMatchObject({ reason: "slow-consumer" });
    expect(sent).toBeLessThan(flood);
    expect(most.ours).toBeGreaterThan(0);
    await expectBounded(session, most.ours);
    expect(most.nodes).toBeLessThanOrEqual(inNode);
    expect(session.bufferedBytes).toBe(0);
    expect((await errorOf(() => session.push("late"))).code).toBe("not-connected");
    expect(channel.sessionCount).toBe(1);
    expect(server.disconnects.seen).toHaveLength(1);
    channel.broadcast("last", "message", { eventId: "last" });
    await healthy.bodyIncludes("id:last\ndata:last\n\n");
    const { events, errors } = parseStream(healthy.body);
    expect(errors).toEqual([]);
    expect(events.map(({ id }) => id)).toEqual([...Array(sent).keys(), "last"].map(String));
    client.read();
    await within(client.ended, "end of the slow connection");
  });

  it("loses its oldest events under drop-oldest, is told how many, and never gets half of one", async () => {
    const { server, client, session, dropped } = await stalledSession({
      slowConsumer: "drop-oldest",
    });
    let most = 0;
    const pushed = await pushUntilRefused(session, () => {
      most = Math.max(most, session.bufferedBytes);
    });
    expect(pushed).toBe(flood);
    expect(session.isConnected).toBe(true);
    await expectBounded(session, most);
    client.read();
    await client.bodyIncludes(`id:${flood - 1}\n`);
    await session.close();
    await client.bodyIsWhole();
    const { events, errors } = parseStream(client.body);
    const ids = events.map(({ id }) => Number(id));
    expect(errors).toEqual([]);
    expect(events.every(({ data }) => data.length === payload.length)).toBe(true);
    expect(ids).toEqual([...ids].sort((a, b) => a - b));
    expect(ids.at(-1)).toBe(flood - 1);
    expect(dropped.count).toBeGreaterThan(0);
    expect(ids.length + dropped.count).toBe(flood);
    if (session.transport === "stream") {
      // What had left before, then the newest: one gap.
      expect(ids[0]).toBe(0);
      const gap = ids.findIndex((id, index) => id !== index);
      const tail = ids.length - gap;
      expect(ids.slice(gap)).toEqual(Array.from({ length: tail }, (_, n) => flood - tail + n));
    }
    expect(server.disconnects.seen).toEqual([{ reason: "closed" }]);
  });

  it("loses its newest events under drop-newest, is told how many, and keeps the rest", async () => {
    const { client, session, dropped } = await stalledSession({ slowConsumer: "drop-newest" });
    let most = 0;
    await pushUntilRefused(session, () => {
      most = Math.max(most, session.bufferedBytes);
    });
    expect(session.isConnected).toBe(true);
    await expectBounded(session, most);
    client.read();
    await eventually(() => session.bufferedBytes === 0, "drained session");
    session.push("again", "message", "again");
    await client.bodyIncludes("id:again\n");
    const { events, errors } = parseStream(client.body);
    expect(errors).toEqual([]);
    const ids = events.map(({ id }) => id);
    expect(ids.at(-1)).toBe("again");
    const numbers = ids.slice(0, -1).map(Number);
    expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
    expect(numbers[0]).toBe(0);
    expect(numbers.length + dropped.count).toBe(flood);
    expect(dropped.count).toBeGreaterThan(0);
    // None is lost before the limit is reached.
    const kept = numbers.findIndex((id, index) => id !== index);
    expect(kept === -1 ? numbers.length : kept).toBeGreaterThanOrEqual(limit / payload.length - 1);
  });

  it("is disconnected when nothing moves for writeTimeout ms, though it is under its limit", async () => {
    const { server, session } = await stalledSession({
      writeTimeout: 300,
      maxBufferedBytes: 1 << 28,
    });
    await pushUntilRefused(session, () => {}, 400);
    const { reason } = await server.disconnects.next("disconnect");
    expect(reason).toBe("write-timeout");
    expect(session.isConnected).toBe(false);
    expect(session.bufferedBytes).toBe(0);
  });

  it("is not disconnected by writeTimeout while nothing waits", async () => {
    const { server, client, session } = await stalledSession({ writeTimeout: 50 });
    client.read();
    session.push("a", "message", "1");
    await client.bodyIncludes("id:1\n");
    await new Promise((resolve) => setTimeout(resolve, 200));
    session.push("b", "message", "2");
    await client.bodyIncludes("id:2\n");
    expect(server.disconnects.seen).toEqual([]);
  });
});

describe("an event larger than the limit", () => {
  it("is taken and delivered whole when nothing waits before it", async () => {
    const { client, session, dropped } = await stalledSession({ maxBufferedBytes: 1000 });
    const large = "y".repeat(1 << 20);
    session.push(large, "message", "1");
    client.read();
    await client.bodyIncludes("\n\n");
    expect(client.body === `id:1\ndata:${large}\n\n`).toBe(true);
    session.push("small", "message", "2");
    await client.bodyIncludes("id:2\n");
    expect(dropped.count).toBe(0);
    expect(session.isConnected).toBe(true);
  });
});

describe("small events", () => {
  it("cost a client that takes nothing no more than its limit, with the memory of each", async () => {
    const connected = deferred<Session>();
    const options = { maxBufferedBytes: 1000 * (7 + 64), slowConsumer: "drop-newest" } as const;
    const request = new Request("http://localhost/");
    const silent = { retry: null, keepAlive: null, eventId: null, serializer: String } as const;
    const response = createResponse(request, { ...silent, ...options }, connected.resolve);
    const reader = response.body?.getReader();
    const first = reader?.read();
    const session = await within(connected.promise, "session");
    const dropped = { count: 0 };
    session.on("dropped", ({ count }) => {
      dropped.count += count;
    });
    session.push("first");
    await first;
    // From here on nobody reads.
    for (let i = 0; i < 5000; i++) session.push("");
    expect(session.bufferedBytes).toBe(7 * 1000);
    await eventually(() => dropped.count === 4000, "dropped events");
    await reader?.cancel();
  });

  it("are iterated within the limit, however small it is", async () => {
    const { client, session } = await stalledSession({ maxBufferedBytes: 1000, eventId: null });
    const done = session.iterate(Array.from({ length: 500 }, () => ""));
    await turns(20);
    client.read();
    await within(done, "iterate()");
    await session.close();
    await client.bodyIsWhole();
    expect(parseStream(client.body).events).toHaveLength(500);
  });
});

describe("a burst within one turn", () => {
  it("reaches a healthy client whole when it is under the limit", async () => {
    const { client, session, dropped } = await stalledSession({ maxBufferedBytes: 1 << 20 });
    client.read();
    for (let id = 0; id < 1000; id++) session.push("z".repeat(500), "message", String(id));
    await client.until(({ body }) => parseStream(body).events.length === 1000, "all events");
    expect(dropped.count).toBe(0);
  });
});

describe("drained()", () => {
  it("resolves once nothing waits, and bufferedBytes tells what does", async () => {
    const { client, session } = await stalledSession({ maxBufferedBytes: 1 << 28 });
    await within(session.drained(), "drained() of an idle session");
    do {
      session.push(payload);
      await turns(session.bufferedBytes < 1 << 20 ? 1 : 20);
    } while (session.bufferedBytes < 1 << 20);
    let settled = false;
    const drained = session.drained().then(() => {
      settled = true;
    });
    await turns(20);
    expect(settled).toBe(false);
    expect(session.bufferedBytes).toBeGreaterThan(0);
    client.read();
    await within(drained, "drained()");
    expect(session.bufferedBytes).toBe(0);
    await within(session.drained(), "drained() once more");
  });
});

import { describe, expect, it } from "vitest";
import { createChannel, type Session } from "../../lib/index.ts";
import { clients, frameworks, Queue, sessionOptions, turns, within } from "./harness.ts";

const pairs = frameworks.flatMap((framework) =>
  clients
    .filter((client) => client.schemes.includes(framework.scheme))
    .map((client) => ({ framework, client })),
);

describe.each(pairs)("$framework.name read by $client.name", ({ framework, client }) => {
  it("gets each event when it is pushed, its fields exact, and is missed once when it goes", async () => {
    const sessions = new Queue<Session>();
    const disconnects = new Queue<{ reason: string }>();
    const channel = createChannel();
    const server = await framework.serve(sessionOptions(), (session) => {
      session.on("disconnected", (how) => disconnects.put(how));
      channel.register(session);
      session.push("first", "message", "id-1");
      sessions.put(session);
    });
    const stream = await client.open(`${server.origin}/events`, framework.scheme);
    expect(stream.status).toBe(200);
    expect(stream.headers["content-type"]).toMatch(/^text\/event-stream/);
    expect(await stream.events.next("first event")).toEqual({
      event: "message",
      id: "id-1",
      data: '"first"',
    });

    const session = await sessions.next("session");
    session.push({ text: "é 🎉\n" }, "named", "id-2");
    expect(await stream.events.next("second event")).toEqual({
      event: "named",
      id: "id-2",
      data: '{"text":"é 🎉\\n"}',
    });
    channel.broadcast([1], "tick", { eventId: "id-3" });
    expect(await stream.events.next("broadcast")).toEqual({
      event: "tick",
      id: "id-3",
      data: "[1]",
    });
    expect(stream.events.unread).toBe(0);
    expect(session.isConnected).toBe(true);

    stream.close();
    expect(await disconnects.next("disconnect")).toMatchObject({ reason: "client-closed" });
    expect(session.isConnected).toBe(false);
    expect(channel.sessionCount).toBe(0);
    await server.close();
    await turns(3);
    expect(disconnects.seen).toHaveLength(1);
  });
});

describe.each(pairs)("$framework.name closing on $client.name", ({ framework, client }) => {
  it("delivers what was pushed before close(), then ends the stream", async () => {
    const sessions = new Queue<Session>();
    const disconnects = new Queue<{ reason: string }>();
    const server = await framework.serve(sessionOptions(), (session) => {
      session.on("disconnected", (how) => disconnects.put(how));
      sessions.put(session);
    });
    const stream = await client.open(`${server.origin}/events`, framework.scheme);
    const session = await sessions.next("session");
    for (let count = 0; count < 100; count++) session.push(count, "tick", `n${count}`);
    await within(session.close(), "end of close()");
    const events = await stream.events.take(100, "event");
    await within(stream.ended, "end of the stream");
    expect(events.map(({ data }) => Number(data))).toEqual(
      Array.from({ length: 100 }, (_, n) => n),
    );
    expect(await disconnects.next("disconnect")).toMatchObject({ reason: "closed" });
    expect(disconnects.seen).toHaveLength(1);
    stream.close();
  });
});

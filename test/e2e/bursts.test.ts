import { describe, expect, it } from "vitest";
import { createChannel, createEventBuffer } from "../../lib/index.ts";
import { broadcastEvent, sendEvent } from "../../lib/streaming/delivery.ts";
import { DeltaEvent } from "../../lib/streaming/protocols/wire-event.ts";
import { parseStream, RawClient } from "./harness.ts";
import { serveSessions } from "./serve.ts";

// The other lane's thread sends meanwhile, as much as a client takes that cannot read before the turn is over.
describe("a burst within one turn that is larger than the limit, through the response", () => {
  const options = {
    retry: null,
    keepAlive: null,
    serializer: String,
    maxBufferedBytes: 64 * 1024,
    transport: "stream",
  } as const;
  const count = 100;
  const part = "z".repeat(8 * 1024);
  const token = new DeltaEvent({ before: '{"text":"', after: '"}' }, "\u0001".repeat(2000));
  const ids = Array.from({ length: count }, (_, id) => String(id));

  /** Two healthy clients, which one turn is to send more than their limit, and what they are sent. */
  async function healthy() {
    const server = await serveSessions(options);
    const client = await RawClient.get(server.port, "/");
    const session = await server.sessions.next("session");
    const dropped = { count: 0 };
    session.on("dropped", ({ count }) => {
      dropped.count += count;
    });
    const other = await RawClient.get(server.port, "/");
    const channel = createChannel({ serializer: String, eventId: null });
    channel.register(session).register(await server.sessions.next("other session"));
    return { server, session, dropped, channel, clients: [client, other] };
  }

  it.each(["push", "broadcast", "text", "broadcast text", "batch", "write"])(
    "reaches healthy clients whole, by %s",
    async (way) => {
      const { server, session, dropped, channel, clients } = await healthy();
      const [response] = server.responses;
      for (const id of ids) {
        if (way === "push") session.push(part, "message", id);
        else if (way === "broadcast") channel.broadcast(part, "message", { eventId: id });
        else if (way === "text") sendEvent(session as never, token, id);
        else if (way === "broadcast text") broadcastEvent(channel as never, token, id);
        else if (way === "write") response?.write(`id:${id}\ndata:${part}\n\n`);
        else
          void session.batch(createEventBuffer({ serializer: String }).push(part, "message", id));
      }
      for (const client of way.startsWith("broadcast") ? clients : clients.slice(0, 1)) {
        await client.until(({ body }) => parseStream(body).events.length === count, "all events");
        expect(parseStream(client.body).events.map(({ id }) => id)).toEqual(ids);
      }
      expect(dropped.count).toBe(0);
      expect(server.disconnects.seen).toEqual([]);
    },
  );

  it("reaches them whole, whatever else the turn sends, and to whom", async () => {
    const { server, session, channel, clients } = await healthy();
    const buffer = createEventBuffer({ serializer: String });
    for (const id of ids) {
      channel.broadcast("é".repeat(3000), "message", { eventId: `${id}a` });
      session.push("\n".repeat(3000), "message", `${id}b`);
      await session.batch(buffer.push("third", "message", `${id}c`));
      buffer.clear();
    }
    const [client, other] = clients as [RawClient, RawClient];
    await client.bodyIncludes(`id:${count - 1}c\ndata:third\n\n`);
    expect(parseStream(client.body).events.map(({ id }) => id)).toEqual(
      ids.flatMap((id) => [`${id}a`, `${id}b`, `${id}c`]),
    );
    await other.bodyIncludes(`id:${count - 1}a\n`);
    expect(server.disconnects.seen).toEqual([]);
  });

  it("reaches them whole, though its events are as small as can be", async () => {
    const { server, channel, clients } = await healthy();
    for (let event = 0; event < 5000; event++) channel.broadcast("");
    for (const client of clients) {
      await client.until(({ body }) => body.length >= 5000 * 7, "all events");
      expect(client.body).toBe("data:\n\n".repeat(5000));
    }
    expect(server.disconnects.seen).toEqual([]);
  });

  it("still ends a session whose client does not read, with what waits bounded", async () => {
    const server = await serveSessions(options);
    await RawClient.stalled(server.port, "/");
    const session = await server.sessions.next("session");
    // More than the kernel's buffers of one connection hold.
    for (let pushed = 0; pushed < 6000; pushed++) session.push(part);
    expect(session.bufferedBytes).toBeLessThanOrEqual(options.maxBufferedBytes + (128 << 10));
    expect(await server.disconnects.next("disconnect")).toMatchObject({ reason: "slow-consumer" });
    expect(session.isConnected).toBe(false);
  });
});

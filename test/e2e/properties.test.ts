import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createChannel } from "../../lib/index.ts";
import { anyEvent, asSeen, type Sent } from "./arbitraries.ts";
import { parseStream, RawClient, requestHead } from "./harness.ts";
import { serveSessions } from "./serve.ts";

const asPushed = { retry: null, keepAlive: null, serializer: String };

describe("random events over real HTTP", () => {
  it("are read back equal, on one connection after another's response", async () => {
    const server = await serveSessions(asPushed);
    const client = await RawClient.connect(server.port);
    let round = 0;
    const check = fc.asyncProperty(fc.array(anyEvent, { maxLength: 6 }), async (events) => {
      client.write(requestHead("/"));
      const session = await server.sessions.next("session");
      for (const { data, event, id } of events) session.push(data, event, id);
      await session.close();
      await client.bodyIsWhole(round);
      const body = client.responses[round++]?.body ?? Buffer.alloc(0);
      for (const step of [Number.POSITIVE_INFINITY, 1]) {
        const parsed = parseStream(body, step);
        expect(parsed.events).toEqual(events.map(asSeen));
        expect(parsed.errors).toEqual([]);
      }
    });
    await fc.assert(check, { numRuns: 200 });
  }, 60_000);

  it("are read back equal whatever mix of push, batch and broadcast sent them", async () => {
    const server = await serveSessions(asPushed);
    const ways = fc.constantFrom("push", "batch", "broadcast", "turn");
    const steps = fc.array(fc.tuple(ways, anyEvent), { maxLength: 12 });
    const check = fc.asyncProperty(steps, async (mixed) => {
      const client = await RawClient.get(server.port, "/");
      const session = await server.sessions.next("session");
      const channel = createChannel().register(session);
      const sent: Sent[] = [];
      for (const [way, { data, event, id }] of mixed) {
        if (way === "turn") {
          await new Promise((resolve) => setImmediate(resolve));
          continue;
        }
        sent.push({ data, event, id });
        if (way === "push") session.push(data, event, id);
        else if (way === "batch")
          await session.batch((buffer) => void buffer.push(data, event, id));
        else channel.broadcast(data, event, { eventId: id });
      }
      await session.close();
      await client.bodyIsWhole();
      await client.destroy();
      expect(parseStream(client.body).events).toEqual(sent.map(asSeen));
    });
    await fc.assert(check, { numRuns: 100 });
  }, 60_000);

  it("reach every session of a channel in the same order, 1 MiB among them", async () => {
    const server = await serveSessions({ ...asPushed, maxBufferedBytes: 1 << 24 });
    const channel = createChannel();
    const clients: RawClient[] = [];
    for (let index = 0; index < 5; index++) {
      clients.push(await RawClient.get(server.port, "/"));
      channel.register(await server.sessions.next("session"));
    }
    const events = fc.sample(anyEvent, 50);
    events.splice(25, 0, { data: "é\n🎉 ".repeat(1 << 17), event: "large", id: "large" });
    for (const { data, event, id } of events) channel.broadcast(data, event, { eventId: id });
    for (const session of channel.activeSessions) await session.close();
    for (const client of clients) {
      await client.bodyIsWhole();
      const seen = parseStream(client.body).events;
      expect(seen).toHaveLength(events.length);
      expect(
        seen.every(
          (event, index) => JSON.stringify(event) === JSON.stringify(asSeen(events[index] as Sent)),
        ),
      ).toBe(true);
    }
  });
});

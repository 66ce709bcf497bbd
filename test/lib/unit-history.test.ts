import { describe, expect, it } from "vitest";
import { createChannel } from "../../lib/index.ts";
import { openSession } from "./sessions.ts";

const event = (id: string, data: unknown = id) => `id:${id}\ndata:${JSON.stringify(data)}\n\n`;

/** A channel that has sent events with these ids. */
function sent(ids: string[], history: Parameters<typeof createChannel>[0] = { history: true }) {
  const channel = createChannel(history);
  for (const eventId of ids) channel.broadcast(eventId, "message", { eventId });
  return channel;
}

describe("a session that is registered with a channel that has a history", () => {
  it("gets what came after the event that its client got last, then what is live", async () => {
    const channel = sent(["1", "2", "3"]);
    const { session, body } = await openSession("1");
    channel.register(session);
    expect(session.lastId).toBe("3");
    channel.broadcast("4", "message", { eventId: "4" });
    expect(session.lastId).toBe("4");
    expect(await body()).toBe(event("2") + event("3") + event("4"));
  });

  it("gets what is live only, where its client got nothing yet", async () => {
    const channel = sent(["1"]);
    const { session, body } = await openSession();
    channel.register(session).broadcast("2", "message", { eventId: "2" });
    expect(await body()).toBe(event("2"));
  });

  it("is told of a gap where the id is unknown", async () => {
    const channel = sent(["1", "2"]);
    const { session, body } = await openSession("0");
    const gaps: unknown[] = [];
    channel.on("gap", (who, gap) => gaps.push([who === session, gap]));
    channel.register(session);
    expect(gaps).toEqual([[true, { reason: "unknown", oldest: "1", since: "0" }]]);
    const gap = 'event:gap\ndata:{"reason":"unknown","oldest":"1"}\n\n';
    expect(await body()).toBe(gap + event("1") + event("2"));
  });
});

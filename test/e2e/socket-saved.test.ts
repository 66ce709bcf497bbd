import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { describe, expect, it } from "vitest";
import { RawClient, requestHead, strayErrors, turns, within } from "./harness.ts";
import { lane, onSocketLane } from "./lane.ts";
import { serveSessions } from "./serve.ts";

const plain = {
  retry: null,
  eventId: null,
  serializer: String,
  maxBufferedBytes: 64 << 20,
} as const;
const part = "p".repeat(64 << 10);
/** More than the system's buffers hold. */
const parts = 200;

type Saved = Pick<ServerResponse, "write" | "end">;

/** A session to a client that does not read, of whose response somebody has `write` and `end` from before. */
async function open(options = {}) {
  const saved: Saved[] = [];
  const server = await serveSessions({ ...plain, ...options }, (_req, res) => {
    saved.push({ write: res.write.bind(res), end: res.end.bind(res) });
  });
  const client = await RawClient.stalled(server.port, "/");
  const session = await server.sessions.next("session");
  expect(session.transport).toBe(lane);
  const [before] = saved as [Saved];
  return { server, client, session, saved: before, res: server.responses[0] as ServerResponse };
}

const events = (count: number) => `data:${part}\n\n`.repeat(count);

describe("a function of the response that was saved before the session", () => {
  it.runIf(onSocketLane)(
    "end() comes after all that was pushed, and ends the session",
    async () => {
      const { server, client, session, saved, res } = await open();
      for (let count = 0; count < parts; count++) session.push(part);
      const finished = once(res, "finish");
      const called = new Promise<void>((resolve) => saved.end(resolve));
      client.read();
      await within(Promise.all([finished, called]), "end of the response");
      await client.bodyIsWhole();
      expect(client.body === events(parts)).toBe(true);
      expect(await server.disconnects.next("disconnect")).toEqual({ reason: "closed" });

      // The connection can be used again, by the same lane.
      client.write(requestHead("/"));
      const next = await server.sessions.next("session");
      expect(next.transport).toBe(lane);
      next.push("again");
      await next.close();
      await client.bodyIsWhole(1);
      expect(String(client.responses[1]?.body)).toBe("data:again\n\n");
    },
  );

  it.runIf(onSocketLane)("write() comes at the end, in one piece", async () => {
    const { server, client, session, saved } = await open();
    for (let count = 0; count < parts; count++) session.push(part);
    saved.write("data:saved\n\n");
    session.push("last");
    await turns(5);
    client.read();
    await session.close();
    await client.bodyIsWhole();
    expect(client.body === `${events(parts)}data:last\n\ndata:saved\n\n`).toBe(true);
    expect(server.disconnects.seen).toEqual([{ reason: "closed" }]);
  });

  it.runIf(onSocketLane)("write() comes before the end by res.end(), and calls back", async () => {
    const { client, session, saved, res } = await open();
    for (let count = 0; count < parts; count++) session.push(part);
    const called = new Promise<void>((resolve) => {
      (saved.write as (text: string, callback: () => void) => void)("data:saved\n\n", resolve);
    });
    await turns(5);
    res.end("data:last\n\n");
    client.read();
    await client.bodyIsWhole();
    await within(called, "callback");
    expect(client.body === `${events(parts)}data:saved\n\ndata:last\n\n`).toBe(true);
  });

  it("end() ends the session, and nothing of it fails, when the client goes then", async () => {
    const strays = strayErrors();
    const { server, client, session, saved } = await open();
    for (let count = 0; count < parts; count++) session.push(part);
    saved.end();
    await turns(5);
    await client.reset();
    await server.disconnects.next("disconnect");
    expect(session.isConnected).toBe(false);
    expect(await strays()).toEqual([]);
  });

  it("end() ends the session, and nothing of it fails, when the client reads on", async () => {
    const strays = strayErrors();
    const { server, client, session, saved } = await open();
    for (let count = 0; count < parts; count++) session.push(part);
    await turns(5);
    saved.end();
    session.push("late");
    await turns(5);
    client.read();
    await server.disconnects.next("disconnect");
    expect(session.isConnected).toBe(false);
    await client.bodyIsWhole();
    expect(events(parts).startsWith(client.body.slice(0, events(parts).length))).toBe(true);
    expect(await strays()).toEqual([]);
  });
});

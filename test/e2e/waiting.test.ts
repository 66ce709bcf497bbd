import { describe, expect, it } from "vitest";
import { createChannel } from "../../lib/index.ts";
import { parseStream, RawClient, sessionOptions, within } from "./harness.ts";
import { serveSessions } from "./serve.ts";

const plain = { eventId: null, serializer: String } as const;

async function connect(options = {}) {
  const server = await serveSessions(sessionOptions({ ...plain, ...options }));
  const client = await RawClient.get(server.port, "/");
  const session = await server.sessions.next("session");
  return { server, client, session };
}

describe("what waits for a client", () => {
  it("may begin with an event larger than the limit, right after the session has connected", async () => {
    const { client, session } = await connect({ retry: 2000 });
    const large = "x".repeat((1 << 20) + 1);
    session.push(large);
    await within(session.drained(), "drained");
    await within(session.close(), "closed");
    await client.bodyIsWhole();
    expect(parseStream(client.body).events.map(({ data }) => data.length)).toEqual([large.length]);
  });

  it("is told of to each that waits for it to leave, in order, and not before", async () => {
    const server = await serveSessions(
      sessionOptions({ ...plain, maxBufferedBytes: 64 << 20, writeTimeout: null }),
    );
    const client = await RawClient.stalled(server.port, "/");
    const session = await server.sessions.next("session");
    session.push("first");
    const first = session.drained();
    // The first has left, and its answer waits to be heard, when the second is asked for.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
    session.push("x".repeat(32 << 20));
    let hasSecond = false;
    const second = session.drained().then(() => {
      hasSecond = true;
    });
    if (session.transport === "socket") await within(first, "first drained");
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(hasSecond).toBe(false);
    client.read();
    await within(second, "second drained");
    expect(session.bufferedBytes).toBe(0);
    await within(session.close(), "closed");
  });

  it("has the characters of a string that is iterated", async () => {
    const { client, session } = await connect();
    await session.iterate("héy");
    await within(session.close(), "closed");
    await client.bodyIsWhole();
    expect(parseStream(client.body).events.map(({ data }) => data)).toEqual(["h", "é", "y"]);
  });

  it("has a farewell that is only a name", async () => {
    const { client, session } = await connect({ serializer: undefined });
    const channel = createChannel().register(session);
    await within(channel.close({ event: "shutdown" }), "closed");
    await client.bodyIsWhole();
    const [farewell] = parseStream(client.body).events;
    expect(farewell).toMatchObject({ event: "shutdown", data: "null" });
  });
});

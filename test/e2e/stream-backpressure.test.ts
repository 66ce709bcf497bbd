import { Readable } from "node:stream";
import { describe, expect, it } from "vitest";
import type { Session } from "../../lib/index.ts";
import { eventually, parseStream, RawClient, within } from "./harness.ts";
import { serveSessions } from "./serve.ts";

const chunk = "x".repeat(16 * 1024);
const total = 3000;

/** A source that counts what was taken from it. */
function counted() {
  const count = { produced: 0 };
  function* source() {
    while (count.produced < total) {
      count.produced++;
      yield chunk;
    }
  }
  return { count, source: source() };
}

type Counted = ReturnType<typeof counted>["source"];
const sources: [string, (session: Session, source: Counted) => Promise<unknown>][] = [
  ["a sync iterable", (session, source) => session.iterate(source)],
  [
    "an async iterable",
    (session, source) =>
      session.iterate(
        (async function* () {
          yield* source;
        })(),
      ),
  ],
  [
    "a Node Readable",
    (session, source) =>
      session.stream(Readable.from(source, { objectMode: true, highWaterMark: 2 })),
  ],
  [
    "a web ReadableStream",
    (session, source) =>
      session.stream(
        new ReadableStream({
          pull(controller) {
            const { done, value } = source.next();
            if (done) controller.close();
            else controller.enqueue(value);
          },
        }),
      ),
  ],
];

describe.each(sources)("%s with a reader that stops and goes on", (_name, send) => {
  it("pauses at the limit of the session, then delivers everything", async () => {
    const server = await serveSessions({ retry: null, serializer: String, keepAlive: null });
    const client = await RawClient.stalled(server.port, "/");
    const session = await server.sessions.next("session");
    const { count, source } = counted();
    const sent = send(session, source);
    // The source has paused when it gives nothing for a while though something waits to be sent.
    let last = { produced: -1, at: 0 };
    await eventually(() => {
      if (count.produced !== last.produced) {
        last = { produced: count.produced, at: performance.now() };
      }
      return session.bufferedBytes > 0 && performance.now() - last.at > 100;
    }, "paused source");
    expect(count.produced).toBeLessThan(total);
    expect(session.bufferedBytes).toBeLessThanOrEqual(128 * 1024);
    client.read();
    await within(sent, "end of the source", 20_000);
    await session.close();
    await client.bodyIsWhole();
    const { events } = parseStream(client.body);
    expect(events).toHaveLength(total);
    expect(events.every(({ data }) => data === chunk)).toBe(true);
  });
});

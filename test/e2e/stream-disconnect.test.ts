import { once } from "node:events";
import { Readable } from "node:stream";
import { describe, expect, it } from "vitest";
import { deferred, eventually, RawClient, strayErrors, within } from "./harness.ts";
import { serveSessions } from "./serve.ts";

async function open() {
  const server = await serveSessions({ retry: null, keepAlive: null });
  const client = await RawClient.get(server.port, "/");
  return { ...server, client, session: await server.sessions.next("session") };
}

describe("a client that leaves during stream() or iterate()", () => {
  it("has the Readable destroyed and stream() resolve false", async () => {
    const strays = strayErrors();
    const { session, client } = await open();
    const readable = new Readable({ objectMode: true, read() {} });
    readable.push("one");
    const result = session.stream(readable);
    await client.bodyIncludes('"one"');
    const closed = once(readable, "close");
    await client.destroy();
    expect(await within(result, "end of stream()")).toBe(false);
    await within(closed, "closed source");
    expect(readable.destroyed).toBe(true);
    expect(await strays()).toEqual([]);
  });

  it("has the ReadableStream cancelled and stream() resolve false", async () => {
    const { session, client } = await open();
    const cancelled = deferred<unknown>();
    const source = new ReadableStream({
      start: (controller) => controller.enqueue("one"),
      cancel: cancelled.resolve,
    });
    const result = session.stream(source);
    await client.bodyIncludes('"one"');
    await client.destroy();
    expect(await within(result, "end of stream()")).toBe(false);
    await within(cancelled.promise, "cancelled source");
  });

  it("has return() called even while next() is pending, and iterate() resolve", async () => {
    const strays = strayErrors();
    const { session, client } = await open();
    const returned = deferred();
    let asked = 0;
    const source: AsyncIterable<unknown> = {
      [Symbol.asyncIterator]: () => ({
        next: () =>
          asked++ === 0
            ? Promise.resolve({ value: "one", done: false })
            : new Promise<never>(() => {}),
        return: async () => {
          returned.resolve();
          return { value: undefined, done: true };
        },
      }),
    };
    const result = session.iterate(source);
    await client.bodyIncludes('"one"');
    await client.destroy();
    await within(result, "end of iterate()");
    await within(returned.promise, "return()");
    expect(asked).toBe(2);
    expect(await strays()).toEqual([]);
  });

  it("stops a provider that listens to the session's signal", async () => {
    const { session, client } = await open();
    const ended = deferred<string>();
    async function* provider(signal: AbortSignal) {
      try {
        yield "one";
        await new Promise((_, reject) =>
          signal.addEventListener("abort", () => reject(signal.reason)),
        );
      } catch (error) {
        ended.resolve((error as { name: string }).name);
        throw error;
      }
    }
    const result = session.iterate(provider(session.signal)).catch(() => {});
    await client.bodyIncludes('"one"');
    await client.destroy();
    expect(await within(ended.promise, "stopped provider")).toBe("SseError");
    await within(result, "end of iterate()");
  });

  it("left already: the source is closed at once", async () => {
    const strays = strayErrors();
    const { session, client, disconnects } = await open();
    await client.destroy();
    await disconnects.next("disconnect");
    const readable = Readable.from([1, 2, 3]);
    await within(Promise.allSettled([session.stream(readable)]), "end of stream()");
    await eventually(() => readable.destroyed, "destroyed source");
    let asked = 0;
    const endless = (function* () {
      for (;;) yield asked++;
    })();
    await within(Promise.allSettled([session.iterate(endless)]), "end of iterate()");
    expect(asked).toBeLessThanOrEqual(1);
    expect(await strays()).toEqual([]);
  });
});

import { EventEmitter } from "node:events";
import { Readable } from "node:stream";
import { describe, expect, it } from "vitest";
import { createEventBuffer } from "../../lib/index.ts";
import { errorOf, eventually, parseStream, RawClient, within } from "./harness.ts";
import { serveSessions } from "./serve.ts";

async function open() {
  const server = await serveSessions({ retry: null, keepAlive: null });
  const client = await RawClient.get(server.port, "/");
  return { ...server, client, session: await server.sessions.next("session") };
}

type Opened = Awaited<ReturnType<typeof open>>;

/** Ends the session and gives what its client saw. */
async function seenBy({ session, client }: Opened) {
  await session.close();
  await client.bodyIsWhole();
  const { events, errors } = parseStream(client.body);
  expect(errors).toEqual([]);
  return events.map(({ event, data }) => [event, JSON.parse(data)]);
}

const webStream = (chunks: unknown[]) =>
  new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk);
      controller.close();
    },
  });

describe("stream()", () => {
  it("sends each chunk of a Node Readable as an event and resolves true", async () => {
    const opened = await open();
    const objects = Readable.from([{ n: 1 }, "two", 3]);
    expect(await within(opened.session.stream(objects), "stream()")).toBe(true);
    const named = Readable.from([Buffer.from("bytes")]);
    expect(await opened.session.stream(named, { eventName: "tick" })).toBe(true);
    expect(await seenBy(opened)).toEqual([
      ["stream", { n: 1 }],
      ["stream", "two"],
      ["stream", 3],
      ["tick", "bytes"],
    ]);
  });

  it("sends each chunk of a web ReadableStream, of text, objects or bytes", async () => {
    const opened = await open();
    const chunks = ["text", { n: 1 }, new TextEncoder().encode("bytes")];
    expect(await within(opened.session.stream(webStream(chunks)), "stream()")).toBe(true);
    expect(await seenBy(opened)).toEqual([
      ["stream", "text"],
      ["stream", { n: 1 }],
      ["stream", "bytes"],
    ]);
  });

  it.each(["Node", "web"])("keeps an emoji that is split across chunks: %s", async (kind) => {
    const opened = await open();
    const bytes = Buffer.from("a🎉é👩‍👩‍👧z");
    const single = Array.from(bytes, (byte) => Buffer.from([byte]));
    await opened.session.stream(kind === "Node" ? Readable.from(single) : webStream(single));
    const events = await seenBy(opened);
    expect(events.map(([, data]) => data).join("")).toBe("a🎉é👩‍👩‍👧z");
    expect(events.every(([, data]) => !String(data).includes("\ufffd"))).toBe(true);
  });

  it("tells of bytes that end in the middle of a character", async () => {
    const opened = await open();
    await opened.session.stream(Readable.from([Buffer.from([0x61, 0xf0, 0x9f])]));
    expect((await seenBy(opened)).map(([, data]) => data).join("")).toBe("a\ufffd");
  });

  it("sends what transform makes of a chunk, and nothing when that is undefined", async () => {
    const opened = await open();
    const transform = (chunk: unknown) => (chunk === 2 ? undefined : { value: chunk });
    await opened.session.stream(Readable.from([1, 2, 3]), { transform });
    await opened.session.iterate([4, 2, 5], { transform, eventName: "tick" });
    expect(await seenBy(opened)).toEqual([
      ["stream", { value: 1 }],
      ["stream", { value: 3 }],
      ["tick", { value: 4 }],
      ["tick", { value: 5 }],
    ]);
  });

  it.each(["Node", "web"])(
    "rejects with the source's error; the session goes on: %s",
    async (kind) => {
      const opened = await open();
      const broken = new Error("source broke");
      async function* source() {
        yield 1;
        throw broken;
      }
      const readable = Readable.from(source());
      const stream = kind === "Node" ? readable : (Readable.toWeb(readable) as ReadableStream);
      expect(await errorOf(() => opened.session.stream(stream as never))).toBe(broken);
      opened.session.push("after");
      expect(await seenBy(opened)).toEqual([
        ["stream", 1],
        ["message", "after"],
      ]);
    },
  );

  it("rejects when a Readable is destroyed before its end", async () => {
    const { session } = await open();
    const readable = new Readable({ read() {} });
    const result = errorOf(() => session.stream(readable));
    readable.destroy();
    expect((await within(result, "rejection")).message).toMatch(/premature|closed|destroy/i);
  });

  it("rejects for something that is no stream, and for transform errors", async () => {
    const { session } = await open();
    for (const bad of [undefined, null, 1, {}, new EventEmitter()]) {
      expect((await errorOf(() => session.stream(bad as never))).code).toBe("invalid-argument");
    }
    const readable = Readable.from([1, 2]);
    const transform = () => {
      throw new Error("transform broke");
    };
    expect((await errorOf(() => session.stream(readable, { transform }))).message).toBe(
      "transform broke",
    );
    await eventually(() => readable.destroyed, "destroyed source");
    expect(session.isConnected).toBe(true);
  });
});

describe("iterate()", () => {
  it("sends what a sync iterable, an async one and a generator yield", async () => {
    const opened = await open();
    await opened.session.iterate([1, "two"]);
    await opened.session.iterate(new Set([{ n: 3 }]), { eventName: "tick" });
    await opened.session.iterate(
      (async function* () {
        yield 4;
        await null;
        yield Promise.resolve(5);
      })(),
    );
    expect(await seenBy(opened)).toEqual([
      ["iteration", 1],
      ["iteration", "two"],
      ["tick", { n: 3 }],
      ["iteration", 4],
      ["iteration", 5],
    ]);
  });

  it("rejects with what the iterable throws; the session goes on", async () => {
    const opened = await open();
    const broken = new Error("source broke");
    const source = (function* () {
      yield 1;
      throw broken;
    })();
    expect(await errorOf(() => opened.session.iterate(source))).toBe(broken);
    expect((await errorOf(() => opened.session.iterate(1 as never))).code).toBe("invalid-argument");
    expect(await seenBy(opened)).toEqual([["iteration", 1]]);
  });

  it("closes the source when a value cannot be sent", async () => {
    const opened = await open();
    let closed = false;
    const source = (function* () {
      try {
        yield 1;
        yield 1n;
      } finally {
        closed = true;
      }
    })();
    expect(await errorOf(() => opened.session.iterate(source))).toBeInstanceOf(TypeError);
    expect(closed).toBe(true);
    expect(await seenBy(opened)).toEqual([["iteration", 1]]);
  });
});

describe("an event buffer", () => {
  it("takes streams and iterables as a session does", async () => {
    const buffer = createEventBuffer({ serializer: String });
    expect(await buffer.stream(Readable.from(["a"]))).toBe(true);
    expect(await buffer.stream(webStream(["b"]), { eventName: "tick" })).toBe(true);
    await buffer.iterate(["c"]);
    await buffer.iterate(["d"], { eventName: "named" });
    const events = parseStream(buffer.read()).events.map(({ event, data }) => [event, data]);
    expect(events).toEqual([
      ["stream", "a"],
      ["tick", "b"],
      ["iteration", "c"],
      ["named", "d"],
    ]);
  });
});

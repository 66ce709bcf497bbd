import { describe, expect, it } from "vitest";
import { openEventStream } from "../../lib/client/index.ts";
import { errorOf, eventually, turns } from "../e2e/harness.ts";
import { serveSessions } from "../e2e/serve.ts";
import { serveRaw, soon, watch } from "./streams.ts";

const numbers = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, at) => `id: ${from + at}\ndata: ${from + at}\n\n`).join("");

describe("a loop over a stream", () => {
  it("has each event, over connections that break", async () => {
    const { url } = await serveRaw(({ req, stream, cut }) => {
      const from = Number(req.headers["last-event-id"] ?? -1) + 1;
      stream(numbers(from, from + 7));
      setImmediate(cut);
    });
    const seen: unknown[] = [];
    const stream = openEventStream(url, { retry: soon });
    for await (const { event, data, id } of stream) {
      seen.push([event, data, id]);
      if (seen.length === 30) break;
    }
    expect(seen).toEqual(Array.from({ length: 30 }, (_, at) => ["message", at, String(at)]));
    expect(stream.state).toBe("closed");
  });

  it("ends after the last event when the server says that there is no more", async () => {
    const { url } = await serveRaw(({ stream, res }, index) => {
      if (index > 0) res.writeHead(204);
      else stream(numbers(0, 200));
      res.end();
    });
    let count = 0;
    for await (const { data } of openEventStream(url, { retry: soon })) expect(data).toBe(count++);
    expect(count).toBe(200);
  });

  it("throws after the last event when the stream fails", async () => {
    const { url } = await serveRaw(({ stream, res }, index) => {
      if (index > 0) res.writeHead(404);
      else stream(numbers(0, 5));
      res.end("gone");
    });
    const stream = openEventStream(url, { retry: soon });
    const seen: unknown[] = [];
    const error = await errorOf(async () => {
      for await (const { data } of stream) {
        seen.push(data);
        await eventually(() => stream.state === "closed", "closed stream");
      }
    });
    expect(seen).toEqual([0, 1, 2, 3, 4]);
    expect(error).toBe(stream.error);
    expect(error).toMatchObject({ code: "http-error", status: 404 });
    expect(await errorOf(() => stream[Symbol.asyncIterator]().next())).toBe(stream.error);
  });

  it("ends at once when the stream is closed, whatever still waits", async () => {
    const { url } = await serveRaw(({ stream }) => stream(numbers(0, 5)));
    const stream = openEventStream(url);
    const seen: unknown[] = [];
    for await (const { data } of stream) {
      seen.push(data);
      stream.close();
    }
    expect(seen).toEqual([0]);
    for await (const { data } of stream) seen.push(data);
    expect(seen).toEqual([0]);
  });

  it("has nothing of the event in which a listener closes the stream", async () => {
    const { url } = await serveRaw(({ stream }) => stream(numbers(0, 5)));
    const stream = openEventStream(url);
    stream.on("message", () => stream.close());
    for await (const message of stream) expect(message).toBeUndefined();
    expect(stream.lastEventId).toBe("0");
  });

  it("ends also when it waits", async () => {
    const { url } = await serveRaw(({ stream }) => stream());
    const stream = openEventStream(url);
    const next = stream[Symbol.asyncIterator]().next();
    await eventually(() => stream.state === "open", "open stream");
    stream.close();
    expect(await next).toEqual({ done: true, value: undefined });
  });

  it("that is left closes the stream, unless somebody else is there", async () => {
    const { url, exchanges } = await serveRaw();
    const stream = openEventStream(url);
    const off = stream.on("message", () => {});
    const other = stream[Symbol.asyncIterator]();
    const first = other.next();
    const exchange = await exchanges.next();
    exchange.stream(numbers(0, 1));
    await first;
    const takeOne = async (at: number) => {
      setTimeout(() => exchange.stream(numbers(at, at + 1)));
      for await (const _ of stream) break;
    };
    await takeOne(1);
    expect(stream.state).toBe("open");
    off();
    await takeOne(2);
    expect(stream.state).toBe("open");
    await other.return?.();
    expect(stream.state).toBe("closed");
    await eventually(() => exchanges.seen[0]?.res.destroyed === true, "end of the request");
  });

  it("has all events even where several next() wait", async () => {
    const { url, exchanges } = await serveRaw();
    const stream = openEventStream(url);
    const loop = stream[Symbol.asyncIterator]();
    const waiting = [loop.next(), loop.next(), loop.next()];
    (await exchanges.next()).stream(numbers(0, 3));
    const values = (await Promise.all(waiting)).map(({ value }) => value?.data);
    expect(values).toEqual([0, 1, 2]);
    stream.close();
  });
});

describe("a slow loop", () => {
  it("stops the reading, so that the server's own limit counts, and misses nothing", async () => {
    const { origin, sessions } = await serveSessions({ maxBufferedBytes: 1 << 26 });
    const stream = openEventStream(origin);
    const loop = stream[Symbol.asyncIterator]();
    const first = loop.next();
    const session = await sessions.next();
    const text = "x".repeat(10_000);
    const total = 3000;
    for (let at = 0; at < total; at++) session.push({ at, text });
    await first;
    // 30 MB: the sockets' buffers take some of them, this process none.
    await eventually(() => stream.lastEventId !== "", "first events");
    await turns(200);
    expect(session.bufferedBytes).toBeGreaterThan(10_000_000);
    for (let at = 1; at < total; at++) {
      expect((await loop.next()).value).toMatchObject({ data: { at } });
    }
    await session.drained();
    stream.close();
  });

  it("lets no more wait than its limit and what 16 KiB can hold", async () => {
    const bytes = new TextEncoder().encode("data\n\n".repeat(100_000));
    const parsed: string[] = [];
    const fetch = async () => {
      const body = new ReadableStream({ start: (body) => body.enqueue(bytes) });
      return new Response(body, { headers: { "content-type": "text/event-stream" } });
    };
    const parse = (data: string) => parsed.push(data);
    const stream = openEventStream("/any", { fetch, parse, highWaterMark: 10 });
    const loop = stream[Symbol.asyncIterator]();
    await loop.next();
    await turns(20);
    const most = 10 + (16 * 1024) / 6;
    expect(parsed.length).toBeLessThan(most + 1);
    for (let at = 1; at < 100_000; at++) {
      await loop.next();
      if (parsed.length - at - 1 > most) throw new Error(`${parsed.length} parsed, ${at} taken`);
    }
    expect(parsed).toHaveLength(100_000);
    stream.close();
  });

  it("holds up listeners and quick loops too, until it is left", async () => {
    const { url, exchanges } = await serveRaw();
    const { stream, events, has } = watch(url, { highWaterMark: 2 });
    const slow = stream[Symbol.asyncIterator]();
    const one = slow.next();
    const exchange = await exchanges.next();
    exchange.stream(numbers(0, 1));
    await one;
    exchange.stream(numbers(1, 3));
    await has(3);
    exchange.stream(numbers(3, 4));
    await turns(50);
    expect(events).toHaveLength(3);
    await slow.return?.();
    await has(4);
  });
});

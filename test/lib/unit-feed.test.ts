import { Readable } from "node:stream";
import { describe, expect, it } from "vitest";
import { feed, type Sink } from "../../lib/feed.ts";

/** A sink that keeps what is pushed; `stop()` is what a session does when its client goes. */
function collector(ready: Sink["ready"] = () => undefined) {
  const pushed: unknown[] = [];
  let onStop: (() => void) | undefined;
  const sink: Sink = {
    push: (data) => pushed.push(data),
    ready,
    onStop: (callback) => {
      onStop = callback;
      return () => {
        onStop = undefined;
      };
    },
  };
  return { sink, pushed, stop: () => onStop?.(), isWatched: () => onStop !== undefined };
}

const all = (sink: Sink, source: unknown, transform?: (chunk: never) => unknown) =>
  feed(sink, source, { transform }, "chunk");

describe("feed()", () => {
  it("pushes all of any source, and lets go of the sink", async () => {
    async function* generate() {
      yield 1;
      yield 2;
    }
    const web = () =>
      new ReadableStream({
        start(controller) {
          controller.enqueue(1);
          controller.enqueue(2);
          controller.close();
        },
      });
    const sources = [[1, 2], new Set([1, 2]), generate(), Readable.from([1, 2]), web()];
    for (const source of sources) {
      const { sink, pushed, isWatched } = collector();
      expect(await all(sink, source)).toBe(true);
      expect(pushed).toEqual([1, 2]);
      expect(isWatched()).toBe(false);
    }
  });

  it("makes text of bytes, characters split over chunks included", async () => {
    const bytes = Buffer.from("aé🎉");
    const { sink, pushed } = collector();
    await all(
      sink,
      [...bytes].map((byte) => Uint8Array.of(byte)),
    );
    expect(pushed.join("")).toBe("aé🎉");
    expect(pushed).not.toContain("");
  });

  it("ends text that was cut within a character with U+FFFD", async () => {
    const { sink, pushed } = collector();
    await all(sink, [Buffer.from("a🎉").subarray(0, 3)]);
    expect(pushed).toEqual(["a", "\ufffd"]);
  });

  it("gives a transform the chunk as it is, and skips what becomes undefined", async () => {
    const { sink, pushed } = collector();
    const chunks = [1, 2, 3, Buffer.from("b")];
    await all(sink, chunks, (chunk: unknown) => {
      if (chunk === 2) return undefined;
      return Buffer.isBuffer(chunk) ? chunk.toString("base64") : { chunk };
    });
    expect(pushed).toEqual([{ chunk: 1 }, { chunk: 3 }, "Yg=="]);
  });

  it("does not read on while the sink is not ready", async () => {
    let read = 0;
    function* generate() {
      for (;;) yield ++read;
    }
    const { sink, stop } = collector(() => new Promise(() => {}));
    const done = all(sink, generate());
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(read).toBe(1);
    stop();
    expect(await done).toBe(false);
  });

  it("stops at once, though the source is busy, and calls its return()", async () => {
    let returned = 0;
    const source = {
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise<never>(() => {}),
        return: () => {
          returned += 1;
          return Promise.reject(new Error("nobody hears this"));
        },
      }),
    };
    const { sink, stop } = collector();
    const done = all(sink, source);
    stop();
    expect(await done).toBe(false);
    expect(returned).toBe(1);
  });

  it("aborts the request of a provider's stream, whose return() would wait for its next chunk", async () => {
    const controller = new AbortController();
    async function* chunks() {
      await new Promise((_, reject) => {
        controller.signal.addEventListener("abort", () => reject(controller.signal.reason));
      });
      yield 1;
    }
    const source = { controller, [Symbol.asyncIterator]: chunks };
    const { sink, stop } = collector();
    const done = all(sink, source);
    await new Promise((resolve) => setImmediate(resolve));
    stop();
    expect(await done).toBe(false);
    expect(controller.signal.aborted).toBe(true);
  });

  it("cancels a web stream and destroys a Node stream when it stops", async () => {
    let cancelled = 0;
    const web = new ReadableStream({ cancel: () => void cancelled++ });
    const readable = new Readable({ read() {} });
    for (const source of [web, readable]) {
      const { sink, stop } = collector();
      const done = all(sink, source);
      stop();
      expect(await done).toBe(false);
    }
    expect(cancelled).toBe(1);
    expect(readable.destroyed).toBe(true);
  });

  it("rejects with an error of the source, and with one of push or transform after ending the source", async () => {
    const { sink } = collector();
    const broken = new ReadableStream({
      start: (controller) => controller.error(new Error("source")),
    });
    await expect(all(sink, broken)).rejects.toThrow("source");
    let ended = false;
    function* generate() {
      try {
        yield 1;
      } finally {
        ended = true;
      }
    }
    const fail = () => {
      throw new Error("transform");
    };
    await expect(all(sink, generate(), fail)).rejects.toThrow("transform");
    expect(ended).toBe(true);
  });

  it.each([undefined, null, 1, {}, () => {}])("rejects for what is no source: %s", async (bad) => {
    const { sink } = collector();
    await expect(all(sink, bad)).rejects.toMatchObject({ code: "invalid-argument" });
  });
});

import type { ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { describe, expect, it } from "vitest";
import { createChannel, type Session } from "../../lib/index.ts";
import { deferred, RawClient, turns, within } from "./harness.ts";
import { lane } from "./lane.ts";
import { serveSessions } from "./serve.ts";

const plain = { retry: null, eventId: null, serializer: String } as const;

async function open(options = {}) {
  const server = await serveSessions({ ...plain, ...options });
  const client = await RawClient.get(server.port, "/");
  return { server, client, ...(await accepted(server)) };
}

async function accepted({ sessions, responses }: Awaited<ReturnType<typeof serveSessions>>) {
  const session = await sessions.next("session");
  expect(session.transport).toBe(lane);
  return { session, res: responses.at(-1) as ServerResponse };
}

/** Writes until the response says that it is enough. */
function fill(res: ServerResponse, part: string): number {
  let written = 1;
  while (res.write(part)) {
    if (++written > 100_000) throw new Error("write() never asks to wait");
  }
  return written;
}

const drained = (res: ServerResponse) =>
  within(new Promise<void>((resolve) => res.once("drain", resolve)), "'drain' of the response");

describe("what the application writes to the response", () => {
  it("comes in order with what is pushed, batched and broadcast", async () => {
    const { client, session, res } = await open();
    const channel = createChannel(plain).register(session);
    const expected: string[] = [];
    for (let round = 0; round < 200; round++) {
      session.push(`push ${round}`);
      res.write(`data:write ${round}\n\n`);
      channel.broadcast(`broadcast ${round}`);
      res.write(Buffer.from(`data:bytes ${round}\n\n`));
      await session.batch((buffer) => buffer.push(`batch ${round}`));
      const order = ["push", "write", "broadcast", "bytes", "batch"];
      expected.push(...order.map((way) => `data:${way} ${round}\n\n`));
      if (round % 3 === 0) await turns(1);
    }
    res.end("data:last\n\n");
    await client.bodyIsWhole();
    expect(client.body).toBe(`${expected.join("")}data:last\n\n`);
  });

  it("may be text of any encoding, bytes, or nothing", async () => {
    const { client, res } = await open();
    res.write("c3bc", "hex");
    res.write("ü");
    res.write("ü", "latin1");
    res.write(new Uint8Array([0, 255]));
    res.write("");
    res.write(Buffer.alloc(0));
    res.end(Buffer.from("end"));
    await client.bodyIsWhole();
    expect(client.response?.body.toString("hex")).toBe("c3bcc3bcfc00ff656e64");
  });

  it("calls back, in order, when it has left", async () => {
    const { client, session, res } = await open();
    const calls: string[] = [];
    res.write("one\n\n", () => calls.push("one"));
    session.push("between");
    res.write("two\n\n", "utf8", (error) => calls.push(error ? "failed" : "two"));
    const ended = deferred();
    res.end("three\n\n", () => {
      calls.push("end");
      ended.resolve();
    });
    await within(ended.promise, "callback of end()");
    expect(calls).toEqual(["one", "two", "end"]);
    await client.bodyIsWhole();
    expect(client.body).toBe("one\n\ndata:between\n\ntwo\n\nthree\n\n");
  });

  it("does not change afterwards, though its buffer does", async () => {
    const { client, res } = await open();
    const buffer = Buffer.from("first\n\n");
    res.write(buffer);
    buffer.fill("x");
    res.end();
    await client.bodyIsWhole();
    // Node itself keeps the buffer: what it writes at once is safe, and so is what the engine takes.
    expect(client.body).toBe("first\n\n");
  });

  it("throws for what is no text and no bytes, and the stream stays whole", async () => {
    const { client, session, res } = await open();
    for (const wrong of [null, undefined, 1, {}, [1]]) {
      expect(() => res.write(wrong as never)).toThrow(TypeError);
    }
    session.push("whole");
    await session.close();
    await client.bodyIsWhole();
    expect(client.body).toBe("data:whole\n\n");
  });
});

describe("the end of the response", () => {
  it("by res.end() sends what was pushed before, and is a session's end like any other", async () => {
    const { server, client, session, res } = await open();
    for (let id = 0; id < 2000; id++) session.push("x".repeat(100));
    res.end();
    await client.bodyIsWhole();
    expect(client.body).toBe(`data:${"x".repeat(100)}\n\n`.repeat(2000));
    expect(await server.disconnects.next("disconnect")).toEqual({ reason: "closed" });
    expect(session.isConnected).toBe(false);
    expect(res.writableFinished).toBe(true);
  });

  it("takes res.end() and close() at once, in any order", async () => {
    for (const order of [
      ["end", "close"],
      ["close", "end"],
    ]) {
      const { server, client, session, res } = await open();
      session.push("hello");
      const closing = [];
      for (const way of order) {
        if (way === "end") res.end("tail");
        else closing.push(session.close());
      }
      await client.bodyIsWhole();
      await within(Promise.all(closing), "close()");
      expect(client.body).toBe("data:hello\n\ntail");
      expect(server.disconnects.seen).toEqual([{ reason: "closed" }]);
    }
  });

  it("refuses what is written after it, as Node does", async () => {
    const { client, session, res } = await open();
    session.push("hello");
    res.end();
    const told: (string | undefined)[] = [];
    const emitted = deferred<NodeJS.ErrnoException>();
    res.once("error", emitted.resolve);
    res.write("late", (error) => told.push((error as NodeJS.ErrnoException)?.code));
    expect((await within(emitted.promise, "error")).code).toBe("ERR_STREAM_WRITE_AFTER_END");
    expect(told).toEqual(["ERR_STREAM_WRITE_AFTER_END"]);
    await client.bodyIsWhole();
    expect(client.body).toBe("data:hello\n\n");
  });
});

describe("a second res.end()", () => {
  it("calls back when the response has finished, as Node does", async () => {
    const { client, session, res } = await open();
    session.push("x".repeat(200_000));
    const first = deferred();
    const second = deferred();
    res.end("tail", first.resolve);
    res.end(second.resolve);
    await within(Promise.all([first.promise, second.promise]), "callbacks of both");
    expect(res.writableFinished).toBe(true);
    await client.bodyIsWhole();
    expect(client.body.endsWith("x\n\ntail")).toBe(true);
  });

  it("with data fails as Node's does, and the data is not sent", async () => {
    const { client, session, res } = await open();
    session.push("hello");
    res.end();
    const emitted = deferred<NodeJS.ErrnoException>();
    const called = deferred<unknown>();
    res.once("error", emitted.resolve);
    res.end("late", called.resolve as () => void);
    const codes = { code: "ERR_STREAM_WRITE_AFTER_END" };
    expect(await within(emitted.promise, "error")).toMatchObject(codes);
    expect(await within(called.promise, "callback")).toMatchObject(codes);
    await client.bodyIsWhole();
    expect(client.body).toBe("data:hello\n\n");
  });
});

describe("backpressure of the response", () => {
  it("is told by write() and 'drain', and nothing is lost", async () => {
    const server = await serveSessions({ ...plain, maxBufferedBytes: 64 << 20 });
    const client = await RawClient.stalled(server.port, "/");
    const { session, res } = await accepted(server);
    const part = "p".repeat(64 << 10);
    const written = fill(res, part);
    expect(session.bufferedBytes).toBeGreaterThan(res.writableHighWaterMark - part.length);
    const waiting = drained(res);
    client.read();
    await waiting;
    expect(session.bufferedBytes).toBe(0);
    res.end("end");
    await client.bodyIsWhole();
    expect(client.response?.body.length).toBe(written * part.length + 3);
  });

  it("stops and resumes readable.pipe(res)", async () => {
    const server = await serveSessions({ ...plain, maxBufferedBytes: 8 << 20 });
    const client = await RawClient.stalled(server.port, "/");
    const { session, res } = await accepted(server);
    const part = Buffer.alloc(256 << 10, "p");
    let produced = 0;
    const source = new Readable({
      highWaterMark: 1,
      read() {
        this.push(produced < 200 ? part : null);
        produced++;
      },
    });
    source.pipe(res);
    // Nobody takes more than the system's buffers do: the source has to stand still.
    let before = -1;
    while (before !== produced) {
      before = produced;
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
    expect(produced).toBeLessThan(200);
    expect(session.bufferedBytes).toBeLessThan(2 << 20);
    client.read();
    await client.bodyIsWhole();
    expect(client.response?.body.length).toBe(200 * part.length);
  });

  it("lets pipeline() end, and fail when the client goes", async () => {
    const { client, res } = await open();
    await within(pipeline(Readable.from(["a", "b", "c"]), res), "end of the pipeline");
    await client.bodyIsWhole();
    expect(client.body).toBe("abc");

    const other = await open();
    const endless = Readable.from(forever());
    const piping = pipeline(endless, other.res);
    await other.client.bodyIncludes("again");
    void other.client.destroy();
    await expect(within(piping, "end of the pipeline")).rejects.toMatchObject({
      code: "ERR_STREAM_PREMATURE_CLOSE",
    });
    expect(endless.destroyed).toBe(true);
  });
});

async function* forever() {
  for (;;) {
    yield "again";
    await turns(1);
  }
}

describe("a response whose client has gone", () => {
  it("calls back with an error for what could not be sent", async () => {
    const server = await serveSessions({ ...plain, maxBufferedBytes: 64 << 20 });
    const client = await RawClient.stalled(server.port, "/");
    const { res }: { session: Session; res: ServerResponse } = await accepted(server);
    fill(res, "p".repeat(1 << 20));
    const failed = new Promise<unknown>((resolve) => res.write("last", resolve));
    await client.reset();
    expect(await within(failed, "callback")).toBeInstanceOf(Error);
    await server.disconnects.next("disconnect");
    // Node drops what is written to a destroyed response.
    expect(() => res.write("late")).not.toThrow();
  });
});

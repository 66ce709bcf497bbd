import { describe, expect, it } from "vitest";
import { createResponse, createSession, type Session } from "../../lib/index.ts";
import { errorOf, Queue, sessionOptions, strayErrors, turns, within } from "./harness.ts";
import type { Disconnect } from "./serve.ts";

/** A session on a Fetch Request, with all it has told so far. */
async function fetchSession(signal?: AbortSignal) {
  const strays = strayErrors();
  const request = new Request("http://localhost/", signal ? { signal } : {});
  const session = await createSession(request, sessionOptions({ retry: null }));
  const told: string[] = [];
  const disconnects = new Queue<Disconnect>();
  session.on("connected", () => told.push("connected"));
  session.on("disconnected", (how) => {
    told.push("disconnected");
    disconnects.put(how);
  });
  const response = session.getResponse();
  const body = response.body as ReadableStream<Uint8Array>;
  return { session, told, disconnects, response, body, strays };
}

/** Nothing is told twice, nothing is left unhandled, and a push says why it fails. */
async function expectEnded(
  { session, told, strays }: Awaited<ReturnType<typeof fetchSession>>,
  expected: string[],
) {
  expect(await strays()).toEqual([]);
  expect(told).toEqual(expected);
  expect(session.isConnected).toBe(false);
  expect((await errorOf(() => session.push("late"))).code).toBe("not-connected");
  await turns(5);
  expect(await strays()).toEqual([]);
}

const text = (bytes: Uint8Array | undefined) => new TextDecoder().decode(bytes);

describe("a Fetch body", () => {
  it("connects its session when it is first pulled, and not before", async () => {
    const open = await fetchSession();
    await turns(5);
    expect(open.told).toEqual([]);
    expect(open.session.isConnected).toBe(false);
    expect((await errorOf(() => open.session.push("early"))).code).toBe("not-connected");
    const reader = open.body.getReader();
    const read = reader.read();
    await turns(2);
    expect(open.told).toEqual(["connected"]);
    open.session.push("a", "message", "1");
    expect(text((await within(read, "event")).value)).toBe('id:1\ndata:"a"\n\n');
    await reader.cancel();
    await expectEnded(open, ["connected", "disconnected"]);
  });

  it("that is cancelled without any signal disconnects its session once", async () => {
    const open = await fetchSession();
    const reader = open.body.getReader();
    const read = reader.read();
    await turns(2);
    open.session.push("a");
    await within(read, "event");
    await reader.cancel(new Error("client left"));
    expect(await open.disconnects.next("disconnect")).toMatchObject({ reason: "client-closed" });
    await expectEnded(open, ["connected", "disconnected"]);
  });

  it("that is cancelled while a read is pending", async () => {
    const open = await fetchSession();
    const reader = open.body.getReader();
    const read = reader.read();
    await turns(2);
    await reader.cancel();
    expect((await within(read, "end of the read")).done).toBe(true);
    await expectEnded(open, ["connected", "disconnected"]);
  });

  it("whose request's signal aborts disconnects once, though nobody cancels the body", async () => {
    const controller = new AbortController();
    const open = await fetchSession(controller.signal);
    const reader = open.body.getReader();
    void reader.read().catch(() => {});
    await turns(2);
    controller.abort();
    expect(await open.disconnects.next("disconnect")).toMatchObject({ reason: "client-closed" });
    await expectEnded(open, ["connected", "disconnected"]);
  });

  it("with both, signal and cancel, disconnects once", async () => {
    const controller = new AbortController();
    const open = await fetchSession(controller.signal);
    const reader = open.body.getReader();
    void reader.read().catch(() => {});
    await turns(2);
    controller.abort();
    await reader.cancel().catch(() => {});
    await expectEnded(open, ["connected", "disconnected"]);
  });

  it("that is never consumed is never connected; its signal still ends it", async () => {
    const controller = new AbortController();
    const open = await fetchSession(controller.signal);
    await turns(3);
    controller.abort();
    await open.disconnects.next("disconnect");
    await expectEnded(open, ["disconnected"]);
  });

  it("that is cancelled before it was ever read is never connected", async () => {
    const open = await fetchSession();
    await open.body.cancel();
    await open.disconnects.next("disconnect");
    await expectEnded(open, ["disconnected"]);
  });

  it("whose request was aborted before set-up ends once its listeners are attached", async () => {
    const open = await fetchSession(AbortSignal.abort());
    await open.disconnects.next("disconnect");
    await expectEnded(open, ["disconnected"]);
  });

  it("never gives its callback a session when the client left first", async () => {
    const controller = new AbortController();
    const strays = strayErrors();
    let called = 0;
    const request = new Request("http://localhost/", { signal: controller.signal });
    const response = createResponse(request, sessionOptions(), () => called++);
    controller.abort();
    await response.body?.cancel().catch(() => {});
    await turns(5);
    expect(called).toBe(0);
    expect(await strays()).toEqual([]);
  });

  it("ends by close() after all that was pushed, however slowly it is read", async () => {
    const open = await fetchSession();
    const reader = open.body.getReader();
    const first = reader.read();
    await turns(2);
    for (let id = 0; id < 50; id++) open.session.push("x".repeat(1000), "message", String(id));
    const closed = open.session.close();
    const parts = [text((await within(first, "first read")).value)];
    for (;;) {
      const { done, value } = await within(reader.read(), "next read");
      if (done) break;
      parts.push(text(value));
      await turns(1);
    }
    await within(closed, "close()");
    expect(parts.join("").match(/^id:\d+$/gm)).toEqual(
      Array.from({ length: 50 }, (_, id) => `id:${id}`),
    );
    expect(await open.disconnects.next()).toMatchObject({ reason: "closed" });
    await expectEnded(open, ["connected", "disconnected"]);
  });

  it("holds no more than its limit while nobody reads, and the slow client is let go", async () => {
    const request = new Request("http://localhost/");
    const options = sessionOptions({ maxBufferedBytes: 10_000, retry: null });
    const opened = new Queue<Session>();
    const response = createResponse(request, options, (made) => opened.put(made));
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    const read = reader.read();
    const session = await opened.next("session");
    session.push("first");
    await read;
    const disconnects = new Queue<Disconnect>();
    session.on("disconnected", (how) => disconnects.put(how));
    let most = 0;
    for (let count = 0; count < 1000 && session.isConnected; count++) {
      session.push("x".repeat(100));
      most = Math.max(most, session.bufferedBytes);
      await turns(1);
    }
    expect(await disconnects.next("disconnect")).toMatchObject({ reason: "slow-consumer" });
    expect(most).toBeGreaterThan(5000);
    expect(most).toBeLessThanOrEqual(10_000);
  });

  it.each([
    ["throws", () => fail()],
    ["rejects", async () => fail()],
  ])(
    "of a callback that %s ends after what was pushed, and a warning says why",
    async (_how, callback) => {
      const strays = strayErrors();
      const warned = new Promise<Error>((resolve) => process.once("warning", resolve));
      const options = sessionOptions({ retry: null });
      const response = createResponse(new Request("http://localhost/"), options, (session) => {
        session.push("before", "message", "1");
        return callback();
      });
      expect(await within(response.text(), "whole body")).toBe('id:1\ndata:"before"\n\n');
      const { name, detail } = (await within(warned, "warning")) as Error & { detail?: string };
      expect(name).toBe("SseError");
      expect(detail).toContain("callback broke");
      expect(await strays()).toEqual([]);
    },
  );
});

function fail(): never {
  throw new Error("callback broke");
}

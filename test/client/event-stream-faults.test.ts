import { getEventListeners } from "node:events";
import { afterEach, describe, expect, it, test, vi } from "vitest";
import { openEventStream } from "../../lib/client/index.ts";
import { errorOf, eventually, nextTurn, strayErrors, turns } from "../e2e/harness.ts";
import { type Exchange, serveRaw, soon, watch } from "./streams.ts";

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe("an attempt that fails", () => {
  test.each([408, 425, 429, 500, 502, 503, 504, 599])(
    "with %i is followed by another",
    async (status) => {
      const { url, exchanges } = await serveRaw(({ res, stream }, index) => {
        if (index < 3) res.writeHead(status).end("not now");
        else stream("data: 1\n\n");
      });
      const { has, errors, stream, states } = watch(url);
      await has(1);
      expect(exchanges.seen).toHaveLength(4);
      const message = `stream-llm: the server answered ${status}: "not now"`;
      expect(errors).toMatchObject(new Array(3).fill({ code: "http-error", status, message }));
      expect(stream.error).toBeUndefined();
      expect(states).toEqual([...new Array(3).fill(["waiting", "connecting"]).flat(), "open"]);
    },
  );

  it("waits as long as Retry-After says, and tells that it waits", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance", "Date"] });
    const answers = [
      new Response("", { status: 429, headers: { "retry-after": "7" } }),
      new Response("data: 1\n\n", { headers: { "content-type": "text/event-stream" } }),
    ];
    const asked: number[] = [];
    const began = Date.now();
    const fetch = async () => {
      asked.push(Date.now() - began);
      return answers.shift() as Response;
    };
    const stream = openEventStream("/any", { fetch, retry: { initialDelay: 1 } });
    await vi.advanceTimersByTimeAsync(1);
    expect(stream.state).toBe("waiting");
    await vi.advanceTimersByTimeAsync(6998);
    expect(asked).toEqual([0]);
    await vi.advanceTimersByTimeAsync(701);
    expect(asked).toHaveLength(2);
    stream.close();
    expect(vi.getTimerCount()).toBe(0);
  });

  it("to connect is followed by another, until there were too many", async () => {
    const { url, close } = await serveRaw();
    await close();
    const { is, stream, errors } = watch(url, { retry: { ...soon, maxRetries: 4 } });
    await is("closed");
    expect(errors).toHaveLength(5);
    expect(stream.error).toMatchObject({ code: "connection-error" });
    expect(stream.error?.message).toMatch(/^stream-llm: the connection failed: ./);
    expect(await errorOf(() => stream[Symbol.asyncIterator]().next())).toBe(stream.error);
  });

  it("is one with whatever the application's fetch throws", async () => {
    const thrown = [Object.create(null), Symbol("s"), "text", undefined, new Error("why")];
    const fetch = () => {
      throw thrown[errors.length];
    };
    const retry = { ...soon, maxRetries: thrown.length - 1 };
    const { is, errors } = watch("http://localhost", { fetch, retry });
    await is("closed");
    expect(errors.map(({ cause }) => cause)).toEqual(thrown);
    expect(errors.at(-1)?.message).toBe("stream-llm: the connection failed: why");
  });

  it("counts only when there was no event since the last", async () => {
    const { url, exchanges } = await serveRaw(({ stream, cut, res }, index) => {
      if (index < 6) stream(index % 2 ? "data: 1\n\n" : ": nothing\n\n");
      if (index % 3 && index < 6) setImmediate(() => res.end());
      else setImmediate(cut);
    });
    const { is, events, stream } = watch(url, { retry: { ...soon, maxRetries: 2 } });
    await is("closed");
    expect([exchanges.seen.length, events.length]).toEqual([8, 3]);
    expect(stream.error).toMatchObject({ code: "connection-error" });
  });

  it("counts only since a connection held for longer than maxDelay", async () => {
    const { url, exchanges } = await serveRaw(({ stream }) => stream());
    const { stream } = watch(url, { retry: { ...soon, maxRetries: 1 } });
    for (let attempts = 0; attempts < 5; attempts++) {
      const { res } = await exchanges.next();
      await eventually(() => stream.state === "open", "stream");
      await new Promise((resolve) => setTimeout(resolve, 20));
      res.end();
    }
    await exchanges.next();
    expect(stream.state).not.toBe("closed");
  });

  it("says so when the server only ever ends the stream", async () => {
    const { url } = await serveRaw(({ stream, res }) => {
      stream(": hello\n\n");
      res.end();
    });
    const { is, stream } = watch(url, { retry: { ...soon, maxRetries: 2 } });
    await is("closed");
    expect(stream.error).toMatchObject({
      code: "connection-error",
      message: "stream-llm: the server ended the stream 3 times without an event.",
    });
  });

  it("asks for new headers, and fails too when there are none", async () => {
    const { url } = await serveRaw(({ stream }) => stream("data: 1\n\n"));
    let asked = 0;
    const headers = async () => {
      asked++;
      if (asked < 3) throw new Error("no token");
      return {};
    };
    const { has, errors } = watch(url, { headers });
    await has(1);
    expect(errors).toMatchObject(
      new Array(2).fill({
        code: "connection-error",
        message: "stream-llm: the connection failed: no token",
        cause: new Error("no token"),
      }),
    );
  });
});

describe("without retries", () => {
  const once = (answer: (exchange: Exchange) => void) =>
    serveRaw(answer).then(({ url, exchanges }) => ({ ...watch(url, { retry: false }), exchanges }));

  it("the end of the response is the end of the stream", async () => {
    const { is, stream, events, exchanges } = await once(({ stream, res }) => {
      stream("data: 1\n\n");
      res.end("data: 2\n\ndata: cut");
    });
    await is("closed");
    expect(stream.error).toBeUndefined();
    expect([events.length, exchanges.seen.length]).toEqual([2, 1]);
  });

  it("a cut is an error, after what came before it", async () => {
    const { is, stream, events } = await once(({ stream, cut }) => {
      stream("data: 1\n\n");
      setImmediate(cut);
    });
    await is("closed");
    expect(stream.error).toMatchObject({ code: "connection-error" });
    expect(events).toHaveLength(1);
  });
});

describe("the retry field", () => {
  it("says after how long to connect again", async () => {
    const { url, exchanges } = await serveRaw(({ stream, cut }) => {
      stream("retry: 1\n\n");
      setImmediate(cut);
    });
    watch(url, { retry: { initialDelay: 1e9, maxDelay: 1e9, backoff: "constant" } });
    await exchanges.take(4);
  });

  it("is not undercut by a shorter delay of the options", async () => {
    const { url, exchanges } = await serveRaw(({ stream, cut }) => {
      stream("retry: 1000000000000000\n\n");
      setImmediate(cut);
    });
    const { is, stream } = watch(url);
    await exchanges.next();
    await is("waiting");
    await turns(20);
    expect([exchanges.seen.length, stream.state]).toEqual([1, "waiting"]);
  });
});

describe("a silent connection", () => {
  it("is given up, and resumed", async () => {
    const { url, exchanges } = await serveRaw(({ stream }) => stream("id: 1\ndata: 1\n\n"));
    const { errors } = watch(url, { heartbeatTimeout: 500 });
    const [first, second] = await exchanges.take(2);
    expect(second?.req.headers["last-event-id"]).toBe("1");
    expect(errors[0]).toMatchObject({
      code: "idle-timeout",
      message: "stream-llm: the server was silent for 500 ms, or the page was frozen.",
    });
    await eventually(() => first?.res.destroyed === true, "end of the first request");
  });

  it("is given up before there is an answer, too", async () => {
    const { url, exchanges } = await serveRaw();
    const { errors } = watch(url, { heartbeatTimeout: 30 });
    await exchanges.take(2);
    expect(errors[0]).toMatchObject({ code: "idle-timeout" });
  });

  it("is kept by comments", async () => {
    const { url, exchanges } = await serveRaw();
    const { has, states } = watch(url, { heartbeatTimeout: 1000 });
    const { stream } = await exchanges.next();
    stream();
    for (let beat = 0; beat < 15; beat++) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      stream(": ping\n\n");
    }
    stream("data: 1\n\n");
    await has(1);
    expect([states, exchanges.seen.length]).toEqual([["open"], 1]);
  });

  it("is kept for ever when so configured", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const { url, exchanges } = await serveRaw();
    watch(url, { heartbeatTimeout: 0 });
    await exchanges.next();
    expect(vi.getTimerCount()).toBe(0);
  });

  /** A stream whose timers and clock are the test's. */
  async function paused(listen = true) {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance", "Date"] });
    const signals: AbortSignal[] = [];
    const bodies: ReadableStreamDefaultController<Uint8Array>[] = [];
    const fetch = async (_: string, { signal }: RequestInit) => {
      signals.push(signal as AbortSignal);
      const body = new ReadableStream<Uint8Array>({ start: (body) => void bodies.push(body) });
      return new Response(body, { headers: { "content-type": "text/event-stream" } });
    };
    const opened = openEventStream("/any", { fetch });
    const seen = listen ? watch("/any", {}, opened) : undefined;
    await vi.advanceTimersByTimeAsync(0);
    return {
      opened,
      events: [],
      errors: [],
      ...seen,
      signals,
      send: (text: string) => bodies.at(-1)?.enqueue(Buffer.from(text)),
    };
  }

  it("is none while nobody reads", async () => {
    const { signals, opened, send } = await paused(false);
    send("data: 1\n\n");
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect([opened.state, signals.length, signals[0]?.aborted]).toEqual(["open", 1, false]);
    const { events } = watch("/any", {}, opened);
    await vi.advanceTimersByTimeAsync(59_999);
    expect([events.length, signals[0]?.aborted]).toEqual([1, false]);
    await vi.advanceTimersByTimeAsync(1);
    expect(signals[0]?.aborted).toBe(true);
  });

  it("is given up at once when time stood still, as with a machine that slept", async () => {
    const { signals, errors } = await paused();
    vi.setSystemTime(Date.now() + 3_600_000);
    expect(signals[0]?.aborted).toBe(false);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(signals[0]?.aborted).toBe(true);
    expect(errors[0]).toMatchObject({ code: "idle-timeout" });
  });
});

describe("a hostile server", () => {
  it("that sends an event without end is an error", async () => {
    const { url, exchanges } = await serveRaw(({ stream }) => stream(`data: ${"x".repeat(2000)}`));
    const { is, stream } = watch(url, { maxEventChars: 1000 });
    await is("closed");
    expect(stream.error).toMatchObject({ code: "too-large" });
    await eventually(() => exchanges.seen[0]?.res.destroyed === true, "end of the request");
    expect(exchanges.seen).toHaveLength(1);
  });

  it("that answers in small pieces, cut anywhere, gives each event once", async () => {
    const text = "\uFEFFid: é1\r\ndata: 🎉\r\n\r\nid: é2\rdata: b\r\r: c\n\nid: é3\ndata: c\n\n";
    const bytes = Buffer.from(text);
    const { url, exchanges } = await serveRaw(async ({ req, stream, cut, res }) => {
      const last = Buffer.from(String(req.headers["last-event-id"] ?? ""), "latin1").toString();
      const from = last ? bytes.indexOf("id:", bytes.indexOf(last)) : 0;
      stream();
      for (let at = from; at < bytes.length && !res.destroyed; at++) {
        res.write(bytes.subarray(at, at + 1));
        await nextTurn();
        if (at - from === 35) cut();
      }
    });
    const { has, events } = watch(url);
    await has(3);
    expect(events).toEqual([
      ["message", "🎉", "é1"],
      ["message", "b", "é2"],
      ["message", "c", "é3"],
    ]);
    expect(exchanges.seen.length).toBeGreaterThan(1);
  });
});

/** What Node says of a timer that was cleared, or has fired. */
type Destroyable = { _destroyed?: boolean };

describe("close()", () => {
  const stages: [string, (exchange: Exchange) => void, string][] = [
    ["before there is an answer", () => {}, "connecting"],
    ["while the stream is open", ({ stream }) => stream(), "open"],
    [
      "in the middle of an event",
      ({ stream }) => stream("id: 1\ndata: 1\n\nid: 2\ndata: 2\n"),
      "open",
    ],
    [
      "while an error report comes",
      ({ res }) => void res.writeHead(500).write("busy"),
      "connecting",
    ],
    ["while it waits for the next attempt", ({ cut }) => cut(), "waiting"],
  ];

  test.each(stages)(
    "%s ends the request, and leaves no timer and no listener",
    async (_, answer, state) => {
      const strays = strayErrors();
      const set = vi.spyOn(globalThis, "setTimeout");
      const { url, exchanges } = await serveRaw(answer);
      const stop = new AbortController();
      const options = {
        signal: stop.signal,
        heartbeatTimeout: 987_654,
        retry: { initialDelay: 1e6 },
      };
      const { is, stream, states, events } = watch(url, options);
      await exchanges.next();
      await is(state);
      await turns(20);
      expect(getEventListeners(stop.signal, "abort")).toHaveLength(1);
      stream.close();
      stream.close();
      expect(getEventListeners(stop.signal, "abort")).toHaveLength(0);
      const ours = set.mock.results.filter((_, at) => {
        const delay = set.mock.calls[at]?.[1] ?? 0;
        return delay === 987_654 || delay === 2000 || delay > 400_000;
      });
      expect(ours.length).toBeGreaterThan(0);
      const ended = () => ours.every(({ value }) => (value as Destroyable)._destroyed);
      await eventually(ended, "end of the timers", 1500);
      await eventually(() => exchanges.seen[0]?.res.destroyed === true, "end of the request");
      expect([stream.state, stream.error, states.at(-1)]).toEqual(["closed", undefined, "closed"]);
      expect([exchanges.seen.length, events.length]).toEqual([
        1,
        state === "open" ? events.length : 0,
      ]);
      expect(await strays()).toEqual([]);
    },
  );

  it("before anything else sends no request", async () => {
    const fetch = vi.fn();
    openEventStream("/any", { fetch }).close();
    const stream = openEventStream("/any", { fetch, signal: AbortSignal.abort() });
    await turns(3);
    expect(fetch).not.toHaveBeenCalled();
    expect([stream.state, stream.error]).toEqual(["closed", undefined]);
  });

  it("while the headers are asked for sends no request", async () => {
    const strays = strayErrors();
    const fetch = vi.fn();
    let answer: (headers: HeadersInit) => void = () => {};
    const headers = () => new Promise<HeadersInit>((resolve) => (answer = resolve));
    const stream = openEventStream("/any", { fetch, headers });
    await turns(3);
    stream.close();
    answer({});
    await turns(3);
    expect(fetch).not.toHaveBeenCalled();
    expect(await strays()).toEqual([]);
  });

  it("in a listener is the end: nothing of what came with it is told", async () => {
    const { url } = await serveRaw(({ stream }) => stream("data: 1\n\ndata: 2\n\n"));
    const { stream, events, is } = watch(url);
    const later: unknown[] = [];
    stream.on("message", () => stream.close());
    stream.on("message", (data) => later.push(data));
    await is("closed");
    expect([events.length, later]).toEqual([1, []]);
  });

  it.each(["open", "waiting", "connecting"])("in a listener of the state %s", async (state) => {
    const strays = strayErrors();
    const { url, exchanges } = await serveRaw(({ stream, cut }) => {
      stream("data: 1\n\n");
      setImmediate(cut);
    });
    const { stream, is, states } = watch(url);
    stream.onState((now) => {
      if (now === state) stream.close();
    });
    await is("closed");
    await turns(20);
    expect([states.at(-1), exchanges.seen.length]).toEqual(["closed", 1]);
    expect(await strays()).toEqual([]);
  });

  it("by the signal", async () => {
    const { url, exchanges } = await serveRaw(({ stream }) => stream());
    const stop = new AbortController();
    const { stream, is } = watch(url, { signal: stop.signal });
    await is("open");
    stop.abort(new Error("left the page"));
    expect([stream.state, stream.error]).toEqual(["closed", undefined]);
    await eventually(() => exchanges.seen[0]?.res.destroyed === true, "end of the request");
  });

  it("ends the body of a fetch that does not heed its signal", async () => {
    let cancelled = false;
    const body = new ReadableStream({
      cancel() {
        cancelled = true;
      },
    });
    const headers = { "content-type": "text/event-stream" };
    const { is, stream } = watch("/any", { fetch: async () => new Response(body, { headers }) });
    await is("open");
    stream.close();
    await eventually(() => cancelled, "cancelled body");
  });
});

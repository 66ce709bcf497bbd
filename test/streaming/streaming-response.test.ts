import { once } from "node:events";
import { createServer, ServerResponse } from "node:http";
import { describe, expect, it } from "vitest";
import { SseError } from "../../lib/index.ts";
import { StreamingResponse } from "../../lib/streaming/server.ts";
import {
  deferred,
  errorOf,
  listen,
  parseStream,
  RawClient,
  strayErrors,
  within,
} from "../e2e/harness.ts";
import { lanes, serveStreams } from "./streams.ts";

const usage = { promptTokens: 1, completionTokens: 2, totalTokens: 3 };
const options = { id: "a1", model: "m" };

async function bodyOf(origin: string): Promise<string> {
  return within((await fetch(origin)).text(), "end of the stream");
}

/** Each event as `name data`. */
async function eventsOf(origin: string): Promise<string[]> {
  const { events, errors } = parseStream(await bodyOf(origin));
  expect(errors).toEqual([]);
  return events.map(({ event, data }) => `${event} ${data}`);
}

/** What a client gets of a stream of AI Kit's events, without what begins and ends it. */
async function sent(use: (stream: StreamingResponse) => unknown, more = {}): Promise<string[]> {
  const { origin } = await serveStreams({ ...options, ...more }, (stream) => {
    use(stream.start());
    stream.end();
  });
  return (await eventsOf(origin)).slice(1);
}

const ending = ['metadata {"finishReason":"stop"}', "done {}"];

describe.each(lanes)("on the %s lane", (lane, transport) => {
  const lanesOptions = { ...options, transport };

  it("sends the events of AI Kit, in the order of the calls", async () => {
    const { origin, streams } = await serveStreams(lanesOptions);
    const response = await fetch(origin);
    const stream = await streams.next();
    expect(stream.session.transport).toBe(lane);
    const chained = stream
      .start()
      .sendToken("Hello")
      .sendToken(" wor\nld 🌍")
      .sendUsage(usage)
      .sendMetadata({ any: ["thing"] });
    expect(chained).toBe(stream);
    expect(stream.getMessageCount()).toBe(5);
    expect(stream.isStreamActive()).toBe(true);
    expect(stream.end().isStreamActive()).toBe(false);
    expect(stream.getMessageCount()).toBe(7);
    expect(await within(response.text(), "end")).toBe(
      [
        'event:start\ndata:{"id":"a1","model":"m"}\n\n',
        'event:token\ndata:{"token":"Hello","index":0}\n\n',
        'event:token\ndata:{"token":" wor\\nld 🌍","index":1}\n\n',
        'event:usage\ndata:{"promptTokens":1,"completionTokens":2,"totalTokens":3}\n\n',
        'event:metadata\ndata:{"any":["thing"]}\n\n',
        'event:metadata\ndata:{"finishReason":"stop"}\n\n',
        "event:done\ndata:{}\n\n",
      ].join(""),
    );
  });

  it("keeps what is sent before the session has connected", async () => {
    const tokens = Array.from({ length: 1000 }, (_, index) => `${index},`);
    const { origin } = await serveStreams(lanesOptions, (stream) => {
      expect(stream.session.isConnected).toBe(false);
      for (const token of tokens) stream.sendToken(token);
      stream.end();
    });
    const events = await eventsOf(origin);
    const received = events.slice(1, -2).map((event) => JSON.parse(event.slice(6)));
    expect(received).toEqual(tokens.map((token, index) => ({ token, index })));
  });

  it("takes tokens of 1 MiB, before it has connected and after", async () => {
    const large = "x".repeat(1 << 20);
    const { origin, streams } = await serveStreams(lanesOptions, (stream) =>
      stream.start().sendToken(large),
    );
    const body = bodyOf(origin);
    const stream = await streams.next();
    if (!stream.session.isConnected) await once(stream.session, "connected");
    stream.sendToken(large).end();
    expect((await body).split(large)).toHaveLength(3);
  });

  it("notices that the client goes, at any stage", async () => {
    const strays = strayErrors();
    const stages: ((stream: StreamingResponse) => unknown)[] = [
      () => {},
      (stream) => stream.start(),
      (stream) => stream.start().sendToken("Hi"),
    ];
    for (const stage of stages) {
      const { port, streams } = await serveStreams(lanesOptions);
      const client = await RawClient.get(port, "/");
      const stream = await streams.next();
      stage(stream);
      client.socket.destroy();
      await within(once(stream.signal, "abort"), "abort of the signal");
      expect(stream.signal.reason).toMatchObject({ code: "not-connected" });
      const count = stream.getMessageCount();
      expect(stream.sendToken("more").sendUsage(usage).end().isStreamActive()).toBe(false);
      expect(stream.getMessageCount()).toBe(count);
    }
    expect(await strays()).toEqual([]);
  });

  it("ends the stream by an abort before it was started", async () => {
    const { origin, streams } = await serveStreams(lanesOptions, (stream) => {
      const { signal } = stream;
      stream.abort("for a secret reason");
      expect(signal.aborted).toBe(true);
    });
    expect(await eventsOf(origin)).toEqual([
      'error {"error":"The answer was stopped.","code":"ABORTED"}',
    ]);
    const stream = await streams.next();
    expect(stream.start().sendToken("x").abort().getMessageCount()).toBe(1);
  });

  it("fills silence with comments, unless told not to", async () => {
    const comments = async (enableHeartbeat: boolean) => {
      const silent = { ...lanesOptions, enableHeartbeat, heartbeatInterval: 5 };
      const { port, streams } = await serveStreams(silent);
      return { client: await RawClient.get(port, "/"), stream: await streams.next() };
    };
    const off = await comments(false);
    const on = await comments(true);
    await on.client.bodyIncludes(":\n\n:\n\n:\n\n");
    off.stream.end();
    await off.client.bodyIncludes("event:done");
    expect(off.client.body).not.toContain(":\n\n");
    on.stream.end();
  });
});

describe("tokens", () => {
  it("that are empty are left out", async () => {
    expect(await sent((stream) => stream.sendToken("").sendToken("a").sendToken(""))).toEqual([
      'token {"token":"a","index":0}',
      ...ending,
    ]);
  });

  it("that share a character are cut beside it", async () => {
    const [first, second] = "🌍";
    expect(second).toBeUndefined();
    const halves = [first?.charAt(0), first?.charAt(1)] as [string, string];
    const tokens = await sent((stream) =>
      stream.sendToken(`a${halves[0]}`).sendToken(halves[1]).sendToken(halves[0]).sendToken("b"),
    );
    expect(tokens.slice(0, 2)).toEqual([
      'token {"token":"a","index":0}',
      'token {"token":"🌍","index":1}',
    ]);
    expect(JSON.parse(tokens[2]?.slice(6) ?? "").token).toMatch(/^[\ud83c\ufffd]b$/);
  });

  it("that end in half a character are sent before what is not a token", async () => {
    const events = await sent((stream) => stream.sendToken("\ud83c").sendUsage(usage));
    expect(events.map((event) => event.split(" ")[0])).toEqual([
      ...["token", "usage"],
      ...["metadata", "done"],
    ]);
  });

  it.each([undefined, null, 5, {}, Symbol("x"), ["a"]])("cannot be %s", async (token) => {
    const events = await sent((stream) => {
      stream.sendToken("a");
      expect(() => stream.sendToken(token as never)).toThrow(
        expect.objectContaining({ code: "invalid-argument" }),
      );
      stream.sendToken("b");
    });
    expect(events.slice(0, 2)).toEqual([
      'token {"token":"a","index":0}',
      'token {"token":"b","index":1}',
    ]);
  });

  it("cannot pile up while nobody reads", () => {
    const stream = new StreamingResponse(new Request("http://x/"), { maxBufferedBytes: 100_000 });
    const flood = () => {
      for (let count = 0; count < 1000; count++) stream.sendToken("x".repeat(1000));
    };
    expect(flood).toThrow(expect.objectContaining({ code: "overloaded" }));
    expect(stream.getMessageCount()).toBeLessThan(60);
    stream.end();
  });
});

describe("usage", () => {
  it("has a total by itself", async () => {
    expect(
      await sent((stream) => stream.sendUsage({ promptTokens: 4, completionTokens: 0 })),
    ).toEqual(['usage {"promptTokens":4,"completionTokens":0,"totalTokens":4}', ...ending]);
  });

  it.each([
    [undefined, /usage is undefined/],
    [{}, /promptTokens is undefined/],
    [{ ...usage, promptTokens: Number.NaN }, /promptTokens is NaN/],
    [{ ...usage, completionTokens: -1 }, /completionTokens is -1/],
    [{ ...usage, totalTokens: 1.5 }, /totalTokens is 1.5/],
    [{ ...usage, totalTokens: Number.POSITIVE_INFINITY }, /totalTokens is Infinity/],
  ])("cannot be %j", async (given, message) => {
    const events = await sent((stream) => {
      expect(() => stream.sendUsage(given as never)).toThrow(
        expect.objectContaining({
          code: "invalid-argument",
          message: expect.stringMatching(message),
        }),
      );
    });
    expect(events).toEqual(ending);
  });
});

describe("metadata without JSON", () => {
  const circular: Record<string, unknown> = {};
  circular.self = circular;

  it.each([
    ["a circular object", circular],
    ["a BigInt", { count: 1n }],
    ["a toJSON that gives nothing", { toJSON: () => undefined }],
  ])("is a TypeError to the caller, and the stream stays whole: %s", async (_, data) => {
    const events = await sent((stream) => {
      expect(() => stream.sendMetadata(data)).toThrow(TypeError);
      stream.sendMetadata({ a: 1 });
    });
    expect(events).toEqual(['metadata {"a":1}', ...ending]);
  });

  it.each([null, "text", ["a"], undefined])("cannot be %j", async (data) => {
    const stream = new StreamingResponse(new Request("http://x/"));
    const error = await errorOf(() => stream.sendMetadata(data as never));
    expect(error).toMatchObject({ code: "invalid-argument" });
    stream.end();
  });
});

describe("an error", () => {
  const failed = (...args: [unknown, string?]) => sent((stream) => stream.sendError(...args));

  it("in the application's words is sent as it stands, and ends the stream", async () => {
    expect(await failed("Too many questions", "RATE_LIMIT")).toEqual([
      'error {"error":"Too many questions","code":"RATE_LIMIT"}',
    ]);
    expect(await failed("It failed")).toEqual([
      'error {"error":"It failed","code":"SERVER_ERROR"}',
    ]);
  });

  it.each([
    [new Error("the key is sk-1234"), "SOURCE_ERROR"],
    [Object.assign(new Error("sk-1234"), { status: 429 }), "RATE_LIMIT"],
    [undefined, "SOURCE_ERROR"],
    [null, "SOURCE_ERROR"],
    [Symbol("sk-1234"), "SOURCE_ERROR"],
  ])("that was thrown says what kind it is, not more: %s", async (error, code) => {
    const [event, ...rest] = await failed(error);
    expect(rest).toEqual([]);
    expect(JSON.parse(event?.slice(6) ?? "")).toMatchObject({ code });
    expect(event).not.toContain("sk-1234");
  });

  it("says what `errorText` says", async () => {
    const errorText = (end: { type: string; message?: string }) => `${end.type}: ${end.message}`;
    const events = await sent((stream) => stream.sendError(new Error("boom"), "MINE"), {
      errorText,
    });
    expect(events).toEqual([
      'error {"error":"error: reading from the provider failed: boom","code":"MINE"}',
    ]);
  });

  it("has a code that is a string", async () => {
    const stream = new StreamingResponse(new Request("http://x/"));
    const error = await errorOf(() => stream.sendError("x", 5 as never));
    expect(error).toMatchObject({ code: "invalid-argument" });
    expect(stream.isStreamActive()).toBe(true);
    stream.end();
  });
});

describe("the head", () => {
  const headersOf = async (more: object, before = (_res: ServerResponse) => {}) => {
    const server = createServer((_req, res) => {
      before(res);
      new StreamingResponse(res, more).end();
    });
    const { origin } = await listen(server);
    const response = await fetch(origin);
    await response.text();
    return response.headers;
  };

  it("has the headers of the protocol", async () => {
    const headers = await headersOf({ protocol: "ai-sdk" });
    expect(headers.get("content-type")).toBe("text/event-stream");
    expect(headers.get("cache-control")).toBe("no-cache, no-transform");
    expect(headers.get("x-accel-buffering")).toBe("no");
    expect(headers.get("x-vercel-ai-ui-message-stream")).toBe("v1");
    expect(headers.has("vary")).toBe(false);
  });

  it("has what the application asks for", async () => {
    const customHeaders = {
      "X-Vercel-AI-UI-Message-Stream": undefined,
      "cache-control": "no-store",
      "X-Own": ["a", "b"],
    };
    const headers = await headersOf({ protocol: "ai-sdk", customHeaders }, (res) =>
      res.setHeader("X-Set", "before"),
    );
    expect(headers.has("x-vercel-ai-ui-message-stream")).toBe(false);
    expect(headers.get("cache-control")).toBe("no-store");
    expect(headers.get("x-own")).toBe("a, b");
    expect(headers.get("x-set")).toBe("before");
  });

  it("cannot be sent twice", async () => {
    const refused = deferred<Error & { code?: string }>();
    const server = createServer(async (_req, res) => {
      res.write("x");
      refused.resolve(await errorOf(() => new StreamingResponse(res)));
      res.end();
    });
    const { origin } = await listen(server);
    await (await fetch(origin)).text();
    expect(await refused.promise).toMatchObject({ code: "headers-sent" });
  });

  it("is not waited for when the response is destroyed", async () => {
    const streams = deferred<StreamingResponse>();
    const server = createServer((_req, res) => {
      res.destroy();
      streams.resolve(new StreamingResponse(res).start().sendToken("x"));
    });
    const { port } = await listen(server);
    await RawClient.get(port, "/");
    const stream = await streams.promise;
    const answer = await within(stream.pipe([]), "answer");
    expect(answer.text).toBe("");
    expect(stream.isStreamActive()).toBe(false);
  });

  it("that comes from elsewhere meanwhile ends the stream, with a warning", async () => {
    const warning = once(process, "warning");
    const { origin, streams, responses } = await serveStreams({}, (stream, res) => {
      stream.sendToken("x");
      res.write("other");
    });
    const body = bodyOf(origin);
    expect((await warning)[0].message).toContain("the response has been begun already");
    expect((await streams.next()).isStreamActive()).toBe(false);
    responses[0]?.end();
    expect(await body).toBe("other");
  });
});

describe("options", () => {
  it.each([
    [{ protocol: "soap" }, /protocol is "soap"/],
    [{ heartbeatInterval: 0 }, /heartbeatInterval is 0/],
    [{ heartbeatInterval: Number.NaN }, /heartbeatInterval is NaN/],
    [{ enableHeartbeat: "yes" }, /enableHeartbeat is "yes"/],
    [{ compressionEnabled: 1 }, /compressionEnabled is 1/],
    [{ customHeaders: "x" }, /customHeaders is "x"/],
    [{ customHeaders: null }, /customHeaders is null/],
    [{ customHeaders: new Map([["a", "b"]]) }, /customHeaders is an object \(Map\); .*fromEntries/],
    [{ maxBufferedBytes: 0 }, /maxBufferedBytes is 0/],
    [{ id: 1n }, /id is 1/],
    [{ model: {} }, /model is an object/],
    [{ errorText: "x" }, /errorText is "x"/],
  ])("refuses %s", async (given, message) => {
    const error = await errorOf(
      () => new StreamingResponse(new Request("http://x/"), given as never),
    );
    expect(error).toBeInstanceOf(SseError);
    expect(error).toMatchObject({
      code: "invalid-option",
      message: expect.stringMatching(message),
    });
  });

  it("refuses a header that is none", async () => {
    const customHeaders = { "X-Split": "a\r\nb: c" };
    const error = await errorOf(
      () => new StreamingResponse(new Request("http://x/"), { customHeaders }),
    );
    expect(error).toMatchObject({ code: "invalid-header" });
  });

  it.each([undefined, null, 5, {}, new Response()])(
    "needs something to answer on: %s",
    async (on) => {
      const error = await errorOf(() => new StreamingResponse(on as never));
      expect(error).toMatchObject({ code: "invalid-argument" });
    },
  );

  it("cannot be a string", async () => {
    const error = await errorOf(
      () => new StreamingResponse(new Request("http://x/"), "events" as never),
    );
    expect(error).toMatchObject({ code: "invalid-argument" });
  });
});

it("leaves no listener on a response when it is over", async () => {
  const { origin, streams, responses } = await serveStreams();
  const response = await fetch(origin);
  const stream = await streams.next();
  stream.sendToken("x").end();
  await response.text();
  await stream.session.close();
  const [res] = responses as [ServerResponse];
  const bare = new ServerResponse(res.req);
  for (const name of ["close", "drain", "error", "timeout"]) {
    expect(res.listenerCount(name), name).toBe(bare.listenerCount(name));
  }
});

import { createServer, type IncomingMessage, request } from "node:http";
import { createServer as createHttp2Server, connect as http2Connect } from "node:http2";
import { text as readText } from "node:stream/consumers";
import zlib from "node:zlib";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { prefersGzip } from "../../lib/connection/accept-encoding.ts";
import type { StreamingResponseOptions } from "../../lib/streaming/server.ts";
import { StreamingResponse } from "../../lib/streaming/server.ts";
import {
  deferred,
  eventually,
  listen,
  parseStream,
  Queue,
  RawClient,
  requestHead,
  strayErrors,
  within,
} from "../e2e/harness.ts";
import { Source, serveStreams, silence, text } from "./streams.ts";
import { finish, start } from "./written.ts";

const gzipped = { compressionEnabled: true, id: "a1", model: "m" };
const ask = { "Accept-Encoding": "gzip" };

/** Every compressor that was made, as what frees its memory sees it. */
type Compressor = zlib.Gzip & { _handle: unknown };
const compressors: Compressor[] = [];

beforeEach(() => {
  const { createGzip } = zlib;
  compressors.length = 0;
  vi.spyOn(zlib, "createGzip").mockImplementation((options) => {
    const made = createGzip(options);
    compressors.push(made as Compressor);
    return made;
  });
});

afterEach(() => {
  vi.restoreAllMocks();
});

async function allFreed() {
  const freed = ({ destroyed, _handle }: Compressor) => destroyed && _handle === null;
  await eventually(() => compressors.every(freed), "all compressors freed");
}

/** A client that decompresses what comes as it comes, as `curl --compressed -N` does. */
async function open(origin: string, headers: Record<string, string> = ask) {
  const incoming = deferred<IncomingMessage>();
  const req = request(origin, { headers }, incoming.resolve).end();
  req.on("error", () => {});
  onTestFinished(() => void req.destroy());
  const res = await within(incoming.promise, "response");
  const read = new Queue<string>();
  const ended = deferred();
  let all = "";
  let wire = 0;
  res.on("data", (bytes: Buffer) => {
    wire += bytes.length;
  });
  const gunzip = zlib.createGunzip();
  res.on("error", ended.reject);
  res.pipe(gunzip).setEncoding("utf8");
  gunzip.on("data", (chunk: string) => {
    all += chunk;
    read.put(chunk);
  });
  gunzip.on("end", ended.resolve).on("error", ended.reject);
  ended.promise.catch(() => {});
  const includes = (what: string) => eventually(() => all.includes(what), what);
  const whole = async () => {
    await within(ended.promise, "whole gzip stream");
    return all;
  };
  return {
    headers: res.headers,
    read,
    includes,
    whole,
    wire: () => wire,
    close: () => req.destroy(),
  };
}

describe("negotiation", () => {
  it.each([
    ["gzip", true],
    ["GZIP", true],
    ["x-gzip", true],
    ["gzip, deflate, br", true],
    ["deflate, gzip;q=0.1", true],
    ["br;q=1.0, gzip;q=0.8, *;q=0.1", true],
    ["*", true],
    ["*;q=0.5", true],
    ["gzip;q=0.5, identity;q=0.5", true],
    ["identity;q=0, *", true],
    ["gzip ; q=0.001", true],
    ["", false],
    ["identity", false],
    ["gzip;q=0", false],
    ["gzip;q=0.000", false],
    ["*;q=0", false],
    ["gzip;q=0, *", false],
    ["identity, gzip;q=0.5", false],
    ["br, deflate", false],
    ["gzippy", false],
    ["gzip;q=2", false],
    ["gzip;q=-1", false],
    ["gzip;q=x", false],
    ["gzip;level=9", false],
  ])("of %j", (header, expected) => {
    expect(prefersGzip(header)).toBe(expected);
  });

  it("reads anything", () => {
    const piece = fc.constantFrom(
      "gzip",
      "*",
      ";q=",
      "0",
      "1",
      ".",
      ",",
      " ",
      "identity",
      "\t",
      "é",
    );
    const header = fc.array(piece, { maxLength: 30 }).map((pieces) => pieces.join(""));
    fc.assert(fc.property(header, (given) => typeof prefersGzip(given) === "boolean"));
  });

  const headersFor = async (
    headers: Record<string, string>,
    more: StreamingResponseOptions = {},
    set: Record<string, string> = {},
  ) => {
    const server = createServer((_req, res) => {
      for (const [name, value] of Object.entries(set)) res.setHeader(name, value);
      new StreamingResponse(res, { ...gzipped, ...more }).sendToken("x").end();
    });
    const { origin } = await listen(server);
    const response = deferred<IncomingMessage>();
    request(origin, { headers }, response.resolve).end();
    const res = await response.promise;
    res.resume();
    return res.headers;
  };

  it("is told of by the head", async () => {
    expect(await headersFor(ask)).toMatchObject({
      "content-type": "text/event-stream",
      "content-encoding": "gzip",
      "cache-control": "no-cache, no-transform",
      "transfer-encoding": "chunked",
      vary: "Accept-Encoding",
    });
    const plain = await headersFor({});
    expect(plain["content-encoding"]).toBeUndefined();
    expect(plain.vary).toBe("Accept-Encoding");
    expect(compressors).toHaveLength(1);
  });

  it("leaves alone what the application set", async () => {
    expect((await headersFor(ask, {}, { Vary: "Origin" })).vary).toBe("Origin, Accept-Encoding");
    expect((await headersFor(ask, {}, { Vary: "accept-encoding" })).vary).toBe("accept-encoding");
    expect((await headersFor(ask, {}, { Vary: "*" })).vary).toBe("*");
    const customHeaders = { vary: undefined };
    expect((await headersFor(ask, { customHeaders })).vary).toBeUndefined();
    expect(
      (await headersFor(ask, {}, { "Content-Length": "5" }))["content-length"],
    ).toBeUndefined();
  });

  it("compresses nothing that has a coding already", async () => {
    const customHeaders = { "Content-Encoding": "identity" };
    expect((await headersFor(ask, { customHeaders }))["content-encoding"]).toBe("identity");
    const set = await headersFor(ask, {}, { "Content-Encoding": "br" });
    expect(set["content-encoding"]).toBe("br");
    expect(compressors).toHaveLength(0);
  });

  it("compresses nothing unless asked to", async () => {
    const plain = await headersFor(ask, { compressionEnabled: false });
    expect(plain["content-encoding"]).toBeUndefined();
    expect(plain.vary).toBeUndefined();
  });
});

describe("a compressed stream", () => {
  it("is flushed after each event, and whole at its end", async () => {
    const { origin, streams } = await serveStreams(gzipped);
    const client = await open(origin);
    const stream = await streams.next();
    expect(stream.session.transport).toBe("stream");
    for (let index = 0; index < 50; index++) {
      stream.sendToken(`token ${index}`);
      await client.includes(`{"token":"token ${index}","index":${index}}`);
    }
    stream.end();
    const { events, errors } = parseStream(await client.whole());
    expect(errors).toEqual([]);
    expect(events).toHaveLength(53);
    await allFreed();
  });

  it("costs few bytes per token", async () => {
    const { origin, streams } = await serveStreams({ ...gzipped, protocol: "openai" });
    const client = await open(origin);
    const stream = await streams.next();
    const words = "the quick brown fox jumps over a lazy dog and runs into deep woods".split(" ");
    for (let index = 0; index < 500; index++) {
      const before = client.wire();
      stream.sendToken(` ${words[(index * 7) % words.length]}`);
      await eventually(() => client.wire() > before, "bytes");
    }
    expect(client.wire() / 500).toBeLessThan(20);
    stream.end();
    await client.whole();
  });

  it("compresses as one what is sent in one go", async () => {
    const { origin, streams } = await serveStreams(gzipped);
    const client = await open(origin);
    const stream = await streams.next();
    stream.start();
    await client.includes("start");
    const write = vi.spyOn(compressors[0] as Compressor, "write");
    for (let index = 0; index < 1000; index++) stream.sendToken("x");
    await client.includes('"index":999}');
    expect(write.mock.calls.length).toBeLessThan(5);
    stream.end();
    await client.whole();
  });

  it("takes tokens of 1 MiB, with text that does not compress", async () => {
    const noise = Array.from({ length: 1 << 20 }, (_, index) =>
      String.fromCharCode(0x20 + (((index * index * 2654435761) >>> 7) % 0x5000)),
    ).join("");
    const { origin, streams } = await serveStreams(gzipped);
    const client = await open(origin);
    const answer = await within(
      (await streams.next()).pipe([start, text(noise), finish]),
      "answer",
    );
    expect(answer.text).toBe(noise);
    const { events } = parseStream(await client.whole());
    expect(JSON.parse(events[1]?.data ?? "").token).toBe(noise);
  });

  it("has its heartbeats flushed too", async () => {
    const { origin, streams } = await serveStreams({ ...gzipped, heartbeatInterval: 5 });
    const client = await open(origin);
    const stream = await streams.next();
    await client.includes(":\n\n:\n\n:\n\n");
    stream.end();
    await client.whole();
  });

  it("holds what the application writes to the response itself", async () => {
    const { origin, streams, responses } = await serveStreams(gzipped);
    const client = await open(origin);
    (await streams.next()).sendToken("a");
    const [res] = responses;
    res?.write("data: own\n\n");
    await client.includes("data: own\n\n");
    res?.write("data: last\n\n");
    res?.end();
    expect(await client.whole()).toMatch(/"a".*data: own\n\ndata: last\n\n$/s);
    await allFreed();
  });

  it.each(["open", "closing"])("holds what the application ends it with, %s", async (state) => {
    const { origin, streams, responses } = await serveStreams(gzipped);
    const client = await open(origin);
    const stream = await streams.next();
    stream.sendToken("a");
    await client.includes('"a"');
    const ended = deferred();
    if (state === "closing") void stream.sendToken("b").session.close();
    responses[0]?.end("6c617374", "hex", ended.resolve);
    expect(await client.whole()).toMatch(/"a".*last$/s);
    await within(ended.promise, "callback of end()");
    await allFreed();
  });

  it("tells when all of it has left", async () => {
    const { origin, streams } = await serveStreams(gzipped);
    const client = await open(origin);
    const stream = await streams.next();
    stream.sendToken("x".repeat(300_000));
    await within(stream.session.drained(), "drain");
    expect(stream.session.bufferedBytes).toBe(0);
    await client.includes('"index":0}');
    stream.end();
    await client.whole();
  });

  it("has no body where there is none", async () => {
    const { port, streams } = await serveStreams(gzipped);
    const client = await RawClient.get(port, "/", { method: "HEAD", headers: ask });
    await client.bodyIsWhole();
    expect(client.response?.headers["content-encoding"]).toBe("gzip");
    const stream = await streams.next();
    stream.sendToken("x");
    await eventually(() => !stream.isStreamActive(), "an end");
    expect(compressors).toEqual([]);
  });

  it("is whole when nothing was sent", async () => {
    const server = createServer((_req, res) => {
      void new StreamingResponse(res, gzipped).session.close();
    });
    const { origin } = await listen(server);
    expect(await (await open(origin)).whole()).toBe("");
    await allFreed();
  });

  it("goes over HTTP/2", async () => {
    const server = createHttp2Server((_req, res) => {
      new StreamingResponse(res, gzipped).sendToken("Hi").end();
    });
    const session = http2Connect((await listen(server)).origin);
    onTestFinished(() => session.destroy());
    const stream = session.request({ ":path": "/", "accept-encoding": "gzip" });
    const head = deferred<Record<string, unknown>>();
    stream.on("response", (headers) => head.resolve(headers));
    expect(await head.promise).toMatchObject({ "content-encoding": "gzip" });
    expect(await readText(stream.pipe(zlib.createGunzip()))).toContain('{"token":"Hi","index":0}');
    await allFreed();
  });

  it("goes over Fetch, as the body is read", async () => {
    const stream = new StreamingResponse(new Request("http://x/", { headers: ask }), gzipped);
    const { response } = stream;
    expect(response.headers.get("content-encoding")).toBe("gzip");
    expect(response.headers.get("vary")).toBe("Accept-Encoding");
    const source = new Source((index) => (index === 1000 ? finish : text(`token ${index}`)));
    const answer = stream.pipe(source);
    const body = response.body?.pipeThrough(new DecompressionStream("gzip")) as ReadableStream;
    const { events } = parseStream(await within(new Response(body).text(), "body"));
    expect(events).toHaveLength(1003);
    expect(await answer).toMatchObject({ finishReason: "stop" });
    await allFreed();
  });
});

describe("a client that goes", () => {
  it("frees the compressor, at any stage", async () => {
    const strays = strayErrors();
    const stages: ((stream: StreamingResponse, client: RawClient) => unknown)[] = [
      () => {},
      (stream) => stream.start(),
      async (stream, client) => client.bodyIncludes(stream.start() && "\x1f\x8b"),
      (stream) => stream.sendToken("x".repeat(1 << 20)),
      (stream) => stream.sendToken("x".repeat(1 << 20)).end(),
      (stream) => void stream.pipe(new Source(() => text("x".repeat(1000)))),
      (stream) => stream.start().abort(),
    ];
    for (const stage of stages) {
      const { port, streams } = await serveStreams(gzipped);
      const client = await RawClient.get(port, "/", { headers: ask });
      const stream = await streams.next();
      await Promise.race([
        stage(stream, client),
        new Promise((resolve) => setTimeout(resolve, 20)),
      ]);
      await client.destroy();
      await eventually(() => !stream.isStreamActive(), "an end");
      await allFreed();
    }
    expect(compressors.length).toBeGreaterThan(3);
    expect(await strays()).toEqual([]);
  });

  it("frees it when the client stops reading", async () => {
    const { port, streams } = await serveStreams({ ...gzipped, writeTimeout: 200 });
    const client = await RawClient.connect(port, { reading: false });
    client.write(requestHead("/", { headers: ask }));
    const stream = await streams.next();
    // Text that does not compress well, or the sockets would take it for a long time.
    const noise = () =>
      text(Array.from({ length: 300 }, () => Math.random().toString(36)).join(""));
    let most = 0;
    const source = new Source(() => {
      most = Math.max(most, stream.session.bufferedBytes);
      return noise();
    });
    const answer = await within(stream.pipe(source), "answer");
    expect(answer.aborted).toBeDefined();
    expect(source.returned).toBe(1);
    expect(most).toBeLessThan(256 * 1024);
    await allFreed();
  });

  it("frees it when the body of a Fetch response is cancelled", async () => {
    const stream = new StreamingResponse(new Request("http://x/", { headers: ask }), gzipped);
    const source = new Source((index) => (index === 0 ? text("Hi") : silence));
    const answer = stream.pipe(source);
    const reader = stream.response.body?.getReader();
    expect((await reader?.read())?.value?.[0]).toBe(0x1f);
    await reader?.cancel();
    expect((await within(answer, "answer")).aborted).toBeDefined();
    await allFreed();
  });

  it("is cut when zlib fails", async () => {
    const { origin, streams } = await serveStreams(gzipped);
    const client = await open(origin);
    const stream = await streams.next();
    stream.start();
    await client.includes("start");
    const strays = strayErrors();
    compressors[0]?.destroy(new Error("out of memory"));
    await eventually(() => !stream.isStreamActive(), "an end");
    await expect(client.whole()).rejects.toThrow();
    expect(await strays()).toEqual([]);
  });
});

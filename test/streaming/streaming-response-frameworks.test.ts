import { createServer, type ServerResponse } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { createRequire } from "node:module";
import { createAdaptorServer } from "@hono/node-server";
import compression from "compression";
import express5 from "express";
import fastify from "fastify";
import { Hono } from "hono";
import Koa from "koa";
import { Agent, fetch as undiciFetch } from "undici";
import { describe, expect, it, onTestFinished } from "vitest";
import { StreamingResponse, type StreamingResponseOptions } from "../../lib/streaming/server.ts";
import { serveFetch } from "../e2e/frameworks.ts";
import { certificate, listen, parseStream, Queue, within } from "../e2e/harness.ts";
import { Source, silence, text } from "./streams.ts";
import { finish, start } from "./written.ts";

const express4 = createRequire(import.meta.url)("express4") as typeof express5;

type OnStream = (stream: StreamingResponse) => unknown;
type Serve = (options: StreamingResponseOptions, on: OnStream) => Promise<{ origin: string }>;

const onNode = (options: StreamingResponseOptions, on: OnStream) => (_: unknown, res: unknown) => {
  on(new StreamingResponse(res as ServerResponse, options));
};

const onFetch = (options: StreamingResponseOptions, on: OnStream) => (request: Request) => {
  const stream = new StreamingResponse(request, options);
  on(stream);
  return stream.response;
};

/** With what applications put before their handlers. */
function onExpress(express: typeof express5): Serve {
  return (options, on) => {
    const app = express().use(compression(), express.json());
    app.post("/chat", onNode(options, on));
    return listen(createServer(app));
  };
}

const frameworks: Record<string, Serve> = {
  "node:http": (options, on) => listen(createServer(onNode(options, on))),
  "node:https": (options, on) =>
    listen(createHttpsServer(certificate(), onNode(options, on)), "https"),
  "Express 4": onExpress(express4),
  "Express 5": onExpress(express5),
  Koa: (options, on) => {
    const app = new Koa();
    app.use((ctx) => {
      ctx.respond = false;
      onNode(options, on)(ctx.req, ctx.res);
    });
    return listen(createServer(app.callback()));
  },
  Fastify: async (options, on) => {
    const app = fastify({ forceCloseConnections: false });
    app.post("/chat", async (request, reply) => {
      reply.hijack();
      onNode(options, on)(request.raw, reply.raw);
    });
    await app.ready();
    return listen(app.server);
  },
  Hono: (options, on) => {
    const app = new Hono();
    app.post("/chat", (c) => onFetch(options, on)(c.req.raw));
    return listen(createAdaptorServer({ fetch: app.fetch }) as ReturnType<typeof createServer>);
  },
  "a Fetch handler": (options, on) => serveFetch(onFetch(options, on)),
};

/** Asks as a browser does, which takes gzip and decompresses it. */
async function ask(origin: string) {
  const agent = new Agent({ connect: { ca: certificate().cert } });
  onTestFinished(() => agent.destroy());
  const controller = new AbortController();
  const response = await within(
    undiciFetch(`${origin}/chat`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: "{}",
      dispatcher: agent,
      signal: controller.signal,
    }),
    "response",
  );
  return { response, leave: () => controller.abort() };
}

describe.each(Object.keys(frameworks))("on %s", (name) => {
  const serve = frameworks[name] as Serve;

  it.each([false, true])("an answer arrives whole; compressed: %s", async (compressionEnabled) => {
    const tokens = Array.from({ length: 200 }, (_, index) => ` token ${index}\n`);
    const streams = new Queue<Promise<unknown>>();
    const { origin } = await serve({ compressionEnabled }, (stream) =>
      streams.put(stream.pipe([start, ...tokens.map(text), finish])),
    );
    const { response } = await ask(origin);
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    expect(response.headers.get("content-encoding")).toBe(compressionEnabled ? "gzip" : null);
    const { events, errors } = parseStream(await within(response.text(), "end"));
    expect(errors).toEqual([]);
    const received = events.filter(({ event }) => event === "token");
    expect(received.map(({ data }) => JSON.parse(data).token)).toEqual(tokens);
    expect(events.at(-1)?.event).toBe("done");
    expect(await streams.next()).toMatchObject({ text: tokens.join(""), finishReason: "stop" });
  });

  it.each([false, true])("a client that goes is noticed; compressed: %s", async (compressed) => {
    const answers = new Queue<Promise<unknown>>();
    const source = new Source((index) => (index === 0 ? text("Hi") : silence));
    const { origin } = await serve({ compressionEnabled: compressed }, (stream) =>
      answers.put(stream.pipe(source)),
    );
    const { response, leave } = await ask(origin);
    await within((response.body as ReadableStream).getReader().read(), "token");
    leave();
    const answer = await within((await answers.next()) as Promise<unknown>, "answer");
    expect(answer).toMatchObject({ text: "Hi", aborted: { type: "abort" } });
    expect(source.returned).toBe(1);
  });
});

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createH2cServer, createSecureServer } from "node:http2";
import { createServer as createHttpsServer } from "node:https";
import { createRequire } from "node:module";
import { Readable } from "node:stream";
import { createAdaptorServer } from "@hono/node-server";
import express5 from "express";
import fastify from "fastify";
import { Hono } from "hono";
import Koa from "koa";
import {
  createResponse,
  createSession,
  type Session,
  type SessionOptions,
} from "../../lib/index.ts";
import type { Scheme } from "./clients.ts";
import { certificate, listen, type RunningServer } from "./harness.ts";

/** Has no types of its own; for these tests Express 5's describe it well enough. */
const express4 = createRequire(import.meta.url)("express4") as typeof express5;

export type OnSession = (session: Session) => unknown;

export interface Framework {
  name: string;
  scheme: Scheme;
  /** Answers every request with a session made with `options`. */
  serve(options: SessionOptions, onSession: OnSession): Promise<RunningServer>;
}

function nodeHandler(options: SessionOptions, onSession: OnSession) {
  return async (req: unknown, res: unknown) => {
    onSession(await createSession(req as IncomingMessage, res as ServerResponse, options));
  };
}

const nodeHttp: Framework = {
  name: "node:http",
  scheme: "http",
  serve: (options, onSession) => listen(createServer(nodeHandler(options, onSession))),
};

const nodeHttps: Framework = {
  name: "node:https",
  scheme: "https",
  serve: (options, onSession) =>
    listen(createHttpsServer(certificate(), nodeHandler(options, onSession)), "https"),
};

const h2c: Framework = {
  name: "node:http2 without TLS",
  scheme: "h2c",
  serve: (options, onSession) => listen(createH2cServer(nodeHandler(options, onSession))),
};

const h2: Framework = {
  name: "node:http2 with TLS",
  scheme: "h2",
  serve: (options, onSession) =>
    listen(createSecureServer(certificate(), nodeHandler(options, onSession)), "https"),
};

function expressFramework(name: string, express: typeof express5): Framework {
  return {
    name,
    scheme: "http",
    serve(options, onSession) {
      const app = express();
      app.get("/events", nodeHandler(options, onSession));
      return listen(createServer(app));
    },
  };
}

const koa: Framework = {
  name: "Koa",
  scheme: "http",
  serve(options, onSession) {
    const app = new Koa();
    app.use(async (ctx) => {
      // Koa must neither answer nor keep its 404.
      ctx.respond = false;
      onSession(await createSession(ctx.req, ctx.res, { statusCode: 200, ...options }));
    });
    return listen(createServer(app.callback()));
  },
};

const fastifyFramework: Framework = {
  name: "Fastify",
  scheme: "http",
  async serve(options, onSession) {
    const app = fastify({ forceCloseConnections: false });
    app.get("/events", async (request, reply) => {
      reply.hijack();
      onSession(await createSession(request.raw, reply.raw, options));
    });
    await app.ready();
    return listen(app.server);
  },
};

const hono: Framework = {
  name: "Hono on @hono/node-server",
  scheme: "http",
  serve(options, onSession) {
    const app = new Hono();
    app.get("/events", (c) => createResponse(c.req.raw, options, onSession));
    return listen(createAdaptorServer({ fetch: app.fetch }) as ReturnType<typeof createServer>);
  },
};

/** A server that knows nothing but `Request` and `Response`, as edge runtimes do. */
export function serveFetch(answer: (request: Request) => Response | Promise<Response>) {
  const server = createServer(async (req, res) => {
    const gone = new AbortController();
    const headers = Object.entries(req.headers) as [string, string][];
    const url = `http://${req.headers.host}${req.url}`;
    const response = await answer(new Request(url, { headers, signal: gone.signal }));
    res.writeHead(response.status, Object.fromEntries(response.headers));
    if (!response.body) return res.end();
    const body = Readable.fromWeb(response.body as never);
    res.once("close", () => {
      body.destroy();
      gone.abort();
    });
    body.on("error", () => res.destroy());
    body.pipe(res);
  });
  return listen(server);
}

const plainResponse: Framework = {
  name: "plain Response",
  scheme: "http",
  serve: (options, onSession) =>
    serveFetch((request) => createResponse(request, options, onSession)),
};

export const frameworks: readonly Framework[] = [
  nodeHttp,
  nodeHttps,
  h2c,
  h2,
  expressFramework("Express 4", express4),
  expressFramework("Express 5", express5),
  koa,
  fastifyFramework,
  hono,
  plainResponse,
];

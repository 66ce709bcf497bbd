import type { IncomingMessage, ServerResponse } from "node:http";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import { checkOptions, describe, SseError } from "../errors.js";
import type { SessionOptions } from "../options.js";
import { Connection } from "./connection.js";
import { FetchConnection } from "./fetch.js";
import { NodeHttp1Connection } from "./http1.js";
import { NodeHttp2CompatConnection } from "./http2.js";

// By shape: the objects may come from another realm, another implementation or a framework's proxy.

type Shape = Record<string, unknown>;

function shapeOf(value: unknown): Shape {
  return Object(value);
}

function has(value: unknown, ...methods: string[]): boolean {
  const shape = shapeOf(value);
  return methods.every((name) => typeof shape[name] === "function");
}

export function isFetchRequest(value: unknown): value is Request {
  const { url, method, headers } = shapeOf(value);
  return typeof url === "string" && typeof method === "string" && has(headers, "get", "forEach");
}

function isFetchResponse(value: unknown): value is Response {
  const { status, headers } = shapeOf(value);
  return typeof status === "number" && has(headers, "get", "forEach") && has(value, "clone");
}

function isNodeRequest(value: unknown): value is IncomingMessage | Http2ServerRequest {
  const { headers, httpVersion } = shapeOf(value);
  return typeof httpVersion === "string" && typeof headers === "object" && headers !== null;
}

function isNodeResponse(value: unknown): value is ServerResponse | Http2ServerResponse {
  return has(value, "writeHead", "setHeader", "write", "end", "on");
}

/** A connection, and the options of the session that runs over it. */
export interface Opened {
  connection: Connection;
  options: SessionOptions<unknown> | undefined;
}

/**
 * The connection for what a session was created with.
 *
 * @throws {SseError} `invalid-argument` for what makes none, and what the connection throws
 */
export function openConnection(req: unknown, res: unknown, options: unknown): Opened {
  if (req instanceof Connection) {
    if (options !== undefined) throw malformed("Options for a Connection are the second argument.");
    return { connection: req, options: sessionOptions(res) };
  }
  if (isFetchRequest(req)) return openFetch(req, res, options);
  if (isNodeRequest(req) && isNodeResponse(res)) {
    const checked = sessionOptions(options);
    const connection = req.httpVersion.startsWith("1")
      ? new NodeHttp1Connection(req as IncomingMessage, res as ServerResponse, checked)
      : new NodeHttp2CompatConnection(
          req as Http2ServerRequest,
          res as Http2ServerResponse,
          checked,
        );
    return { connection, options: checked };
  }
  throw malformed(`Given were ${describe(req)} and ${describe(res)}.`);
}

function openFetch(req: Request, res: unknown, options: unknown): Opened {
  if (isNodeResponse(res)) throw malformed("Given were a Fetch Request and a Node response.");
  if (res === undefined || res === null || isFetchResponse(res)) {
    const checked = sessionOptions(options);
    return { connection: new FetchConnection(req, res, checked), options: checked };
  }
  if (options !== undefined) {
    throw malformed("Options were given twice, or the second argument is no Response.");
  }
  const checked = sessionOptions(res);
  return { connection: new FetchConnection(req, null, checked), options: checked };
}

function sessionOptions(given: unknown): SessionOptions<unknown> | undefined {
  return checkOptions(given as SessionOptions<unknown>);
}

function malformed(what: string): SseError {
  return new SseError(
    "invalid-argument",
    `a session cannot be created from these. ${what} Expected one of: ` +
      "an IncomingMessage and a ServerResponse of node:http (of Fastify request.raw and reply.raw, of Koa ctx.req and ctx.res); " +
      "an Http2ServerRequest and an Http2ServerResponse of node:http2; " +
      "a Fetch Request (of Hono c.req.raw), alone or with a Response; a Connection.",
  );
}

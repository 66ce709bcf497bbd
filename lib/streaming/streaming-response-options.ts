import type { ServerResponse } from "node:http";
import type { Http2ServerResponse } from "node:http2";
import { prefersGzip } from "../connection/accept-encoding.js";
import { Connection } from "../connection/connection.js";
import { GzipConnection } from "../connection/gzip.js";
import { headerEntries } from "../connection/headers.js";
import { isFetchRequest, openConnection } from "../connection/open.js";
import { describe, SseError } from "../errors.js";
import { requireOption, type SessionOptions } from "../options.js";
import { Session } from "../session.js";
import { checkProtocol, type Protocol, protocolHeaders } from "./protocols/index.js";
import type { WriterOptions } from "./protocols/writer.js";

export interface StreamingResponseOptions
  extends WriterOptions,
    Pick<SessionOptions, "statusCode" | "maxBufferedBytes" | "writeTimeout" | "transport"> {
  /**
   * What the client reads.
   *
   * Defaults to `"events"`, the event types of AI Kit.
   */
  protocol?: Protocol | undefined;
  /**
   * Whether silence is filled with comments, so that no proxy takes the connection for dead.
   *
   * Defaults to `true`.
   */
  enableHeartbeat?: boolean | undefined;
  /**
   * After how many ms of silence a comment is sent.
   *
   * Defaults to `10000`.
   */
  heartbeatInterval?: number | undefined;
  /**
   * Whether a client whose `Accept-Encoding` allows it gets gzip, flushed after what was sent in one
   * go. Each stream has a compressor of 77 KiB.
   *
   * Defaults to `false`.
   */
  compressionEnabled?: boolean | undefined;
  /**
   * Headers of the response. They take the place of those of the protocol and of those set on the
   * response before; `undefined` removes one. With a `Content-Encoding` nothing is compressed here.
   *
   * Defaults to none.
   */
  customHeaders?: SessionOptions["headers"];
  /**
   * How many bytes may wait for the client, which is disconnected when there are more. `pipe` waits
   * for the client long before that. While the client has not connected, half of it.
   *
   * Defaults to `4194304`, 4 MiB.
   */
  maxBufferedBytes?: number | undefined;
}

/** What a stream is answered on: a Node response, or the request of a Fetch handler. */
export type StreamingTarget = ServerResponse | Http2ServerResponse | Request;

type HeaderValue = string | string[] | undefined;
/** By lower-case name, as no header may be sent twice. */
type HeaderMap = Map<string, HeaderValue>;

export const defaultMaxBufferedBytes = 4 * 1024 * 1024;

// The longest that a timer of Node waits.
const maxMs = 2 ** 31 - 1;

function flag(name: string, value: unknown): boolean {
  requireOption(typeof value === "boolean", name, value, "true or false");
  return value as boolean;
}

function textOrNone(name: string, value: unknown): void {
  requireOption(value === undefined || typeof value === "string", name, value, "a string");
}

function keepAliveOf({ enableHeartbeat = true, heartbeatInterval }: StreamingResponseOptions) {
  const interval = heartbeatInterval ?? 10_000;
  const valid = typeof interval === "number" && interval > 0 && interval <= maxMs;
  const expected = `a number of ms, more than 0 and at most ${maxMs}`;
  requireOption(valid, "heartbeatInterval", interval, expected);
  return flag("enableHeartbeat", enableHeartbeat) ? interval : null;
}

function customHeadersOf({ customHeaders = {} }: StreamingResponseOptions): HeaderMap {
  const entries = headerEntries("customHeaders", customHeaders);
  return new Map(entries.map(([name, value]) => [name.toLowerCase(), value]));
}

/** Those that no session sends by itself: what was set on the response stays otherwise. */
function headersOf(protocol: Protocol): HeaderMap {
  const { RESPONSE_HEADERS } = Connection.constants;
  const usual = new Set(Object.keys(RESPONSE_HEADERS).map((name) => name.toLowerCase()));
  return new Map(Object.entries(protocolHeaders(protocol)).filter(([name]) => !usual.has(name)));
}

/** @throws {SseError} `invalid-option` */
function checkWriting({ id, model, errorText }: WriterOptions): void {
  textOrNone("id", id);
  textOrNone("model", model);
  const valid = errorText === undefined || typeof errorText === "function";
  requireOption(valid, "errorText", errorText, "a function");
}

function isNode(target: StreamingTarget): target is ServerResponse | Http2ServerResponse {
  return !isFetchRequest(target);
}

function acceptedBy(target: StreamingTarget): string {
  if (!isNode(target)) return target.headers.get("accept-encoding") ?? "";
  return String(target.req.headers["accept-encoding"] ?? "");
}

function headerSetOn(target: StreamingTarget, name: string): HeaderValue {
  const value = isNode(target) ? target.getHeader(name) : undefined;
  return typeof value === "number" ? String(value) : value;
}

/** `Vary` with `Accept-Encoding` in it, as caches need to know. RFC 9110, 12.5.5. */
function varyWith(given: HeaderValue): string {
  const listed = [given ?? []].flat().join(", ");
  if (listed === "") return "Accept-Encoding";
  const has = /(?:^|[\s,])(?:\*|accept-encoding)(?:$|[\s,])/i.test(listed);
  return has ? listed : `${listed}, Accept-Encoding`;
}

/** Adds what the head says of the compression. Returns whether there is to be one. */
function negotiate(target: StreamingTarget, headers: HeaderMap, custom: HeaderMap): boolean {
  const isEncoded = custom.has("content-encoding") || headerSetOn(target, "content-encoding");
  if (isEncoded) return false;
  const removesVary = custom.has("vary") && custom.get("vary") === undefined;
  if (!removesVary)
    headers.set("vary", varyWith(custom.get("vary") ?? headerSetOn(target, "vary")));
  if (!prefersGzip(acceptedBy(target))) return false;
  headers.set("content-encoding", "gzip").set("content-length", undefined);
  return true;
}

function checkTarget(target: unknown): void {
  const { req } = Object(target) as { req?: unknown };
  if (isFetchRequest(target) || (typeof req === "object" && req !== null)) return;
  throw new SseError(
    "invalid-argument",
    `a stream cannot be sent on ${describe(target)}; expected a response of node:http or node:http2 ` +
      "(of Fastify reply.raw, of Koa ctx.res), or a Fetch Request (of Hono c.req.raw).",
  );
}

/**
 * The session that a stream is sent over.
 *
 * @throws {SseError} `invalid-argument`, `invalid-option`, `invalid-header`, `headers-sent`
 */
export function openSession(target: StreamingTarget, options: StreamingResponseOptions): Session {
  checkTarget(target);
  checkWriting(options);
  const { protocol = "events", compressionEnabled = false } = options;
  checkProtocol(protocol);
  const { statusCode, writeTimeout, transport } = options;
  const { maxBufferedBytes = defaultMaxBufferedBytes } = options;
  const keepAlive = keepAliveOf(options);
  const custom = customHeadersOf(options);
  const headers = new Map([...headersOf(protocol), ...custom]);
  const isWanted = flag("compressionEnabled", compressionEnabled);
  const isCompressed = isWanted && negotiate(target, headers, custom);
  const opened = openConnection(
    isNode(target) ? target.req : target,
    isNode(target) ? target : null,
    {
      ...{ statusCode, writeTimeout, transport, maxBufferedBytes, keepAlive },
      headers: Object.fromEntries(headers),
      // A client that reconnects by itself would ask for a second answer.
      retry: null,
    },
  );
  const { connection } = opened;
  return new Session(
    isCompressed ? new GzipConnection(connection) : connection,
    opened.options as SessionOptions,
  );
}

import type { EventEmitter } from "node:events";
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http";
import { SseError } from "../errors.js";
import { kHeader, kQuery } from "../internal.js";
import type { BuiltInConnectionOptions } from "../options.js";
import { Connection } from "./connection.js";
import {
  applyHeaders,
  checkResponseOptions,
  type HeaderTarget,
  headFor,
  headOf,
} from "./headers.js";
import { queryOf, urlOf } from "./node-url.js";

/** What HTTP/1 and HTTP/2 requests have in common. */
export interface NodeRequest {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  readonly headers: IncomingHttpHeaders;
}

/** What HTTP/1 and HTTP/2 responses have in common. */
export interface NodeResponse extends EventEmitter, HeaderTarget {
  statusCode: number;
  readonly headersSent: boolean;
  readonly writableLength: number;
  readonly writableHighWaterMark: number;
  readonly writableEnded: boolean;
  getHeaderNames(): string[];
  getHeaders(): OutgoingHttpHeaders;
  writeHead(statusCode: number, headers: OutgoingHttpHeaders): unknown;
  flushHeaders(): void;
  write(chunk: Uint8Array | string, callback?: (error?: Error | null) => void): boolean;
  end(): unknown;
  /** What compression middleware adds. */
  flush?(): void;
}

const noOptions: BuiltInConnectionOptions = {};

function clientGone(): SseError {
  return new SseError("not-connected", "the client has disconnected.");
}

export function headersSent(): SseError {
  return new SseError(
    "headers-sent",
    "the response has been begun already. Let the session be the first to write to it.",
  );
}

/** Request and head of a connection over Node's objects. */
export abstract class NodeExchange<
  Req extends NodeRequest,
  Res extends NodeResponse,
> extends Connection {
  protected readonly req: Req;
  protected readonly res: Res;
  readonly #options: BuiltInConnectionOptions;
  // Made when first asked for, since most sessions never are.
  #url: URL | undefined;
  #request: Request | undefined;
  #response: Response | undefined;
  #controller: AbortController | undefined;
  #isAborted = false;

  /** @throws {SseError} `headers-sent`, `invalid-option`, `invalid-header` */
  constructor(req: Req, res: Res, options: BuiltInConnectionOptions = noOptions) {
    super();
    checkResponseOptions(options);
    if (res.headersSent) throw headersSent();
    this.req = req;
    this.res = res;
    this.#options = options;
  }

  get url(): URL {
    this.#url ??= urlOf(this.req);
    return this.#url;
  }

  set url(url: URL) {
    this.#url = url;
  }

  get request(): Request {
    if (this.#request) return this.#request;
    const controller = new AbortController();
    if (this.#isAborted || this.isGone) controller.abort(clientGone());
    this.#controller = controller;
    const { method = Connection.constants.REQUEST_METHOD, headers } = this.req;
    this.#request = new Request(this.url, { method, signal: controller.signal });
    const fields = Object.entries(headers).filter(([name]) => !name.startsWith(":"));
    applyHeaders(Object.fromEntries(fields), this.#request.headers);
    return this.#request;
  }

  set request(request: Request) {
    this.#request = request;
  }

  get response(): Response {
    if (this.#response) return this.#response;
    const headers = new Headers(Connection.constants.RESPONSE_HEADERS);
    applyHeaders(this.res.getHeaders(), headers);
    applyHeaders(this.#options.headers ?? {}, headers);
    this.#response = new Response(null, { status: this.#status, headers });
    return this.#response;
  }

  set response(response: Response) {
    this.#response = response;
  }

  sendHead(): void {
    const { res } = this;
    const response = this.#response;
    const head = response
      ? headOf(res, response)
      : headFor(res, this.defaultHeaders(), this.#options.headers);
    res.writeHead(response?.status ?? this.#status, this.allowedHead(head));
  }

  /** Whether nothing that is written reaches the client any more. */
  protected abstract get isGone(): boolean;

  protected defaultHeaders(): Readonly<Record<string, string>> {
    return Connection.constants.RESPONSE_HEADERS;
  }

  /** What of `head` the protocol allows. */
  protected allowedHead(head: OutgoingHttpHeaders): OutgoingHttpHeaders {
    return head;
  }

  /** Tells those who watch `request` that its client has gone. */
  protected abortRequest(): void {
    this.#isAborted = true;
    this.#controller?.abort(clientGone());
  }

  get #status(): number {
    const { statusCode } = this.res;
    // Koa sets 404 before any handler runs. Nobody opens a session to say "not found".
    return this.#options.statusCode ?? (statusCode === 404 ? 200 : statusCode);
  }

  override [kHeader](name: string): string | null {
    const value = this.req.headers[name];
    return Array.isArray(value) ? value.join(", ") : (value ?? null);
  }

  override get [kQuery](): URLSearchParams | undefined {
    return queryOf(this.req.url);
  }
}

import type { OutgoingHttpHeaders } from "node:http";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import type { BuiltInConnectionOptions } from "../options.js";
import { onClose } from "./intercept.js";
import { NodeConnection } from "./node.js";
import type { NodeResponse } from "./node-exchange.js";

type Http2Response = Http2ServerResponse & NodeResponse;

// RFC 9113, 8.2.2: a message with one of these is malformed.
const connectionSpecific = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
]);
/** RFC 9113, 7: CANCEL. */
const cancel = 8;

/** A connection over the request and response of the compatibility API of `node:http2`. */
export class NodeHttp2CompatConnection extends NodeConnection<Http2ServerRequest, Http2Response> {
  constructor(
    req: Http2ServerRequest,
    res: Http2ServerResponse,
    options?: BuiltInConnectionOptions,
  ) {
    super(req, res as Http2Response, options);
  }

  protected override get isGone(): boolean {
    const { stream } = this.res;
    return stream.destroyed || stream.closed;
  }

  protected override cut(): void {
    const { stream } = this.res;
    stream.close(cancel);
    stream.destroy();
  }

  protected override allowedHead(head: OutgoingHttpHeaders): OutgoingHttpHeaders {
    const allowed = Object.entries(head).filter(
      ([name]) => !connectionSpecific.has(name.toLowerCase()),
    );
    return Object.fromEntries(allowed);
  }

  protected override watch(): void {
    this.res.on("close", onClose);
  }

  protected override unwatch(): void {
    this.res.off("close", onClose);
  }
}

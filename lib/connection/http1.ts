import type { IncomingMessage, ServerResponse } from "node:http";
import { attachSocket } from "../engine.js";
import { kAttach, kEnd, kImmediate, kUserEnd } from "../internal.js";
import type { BuiltInConnectionOptions, Settings } from "../options.js";
import { Connection } from "./connection.js";
import { descriptorOf, ownsPlainSocket, writesAsNode } from "./descriptor.js";
import { type Holder, hold, letGo } from "./hold.js";
import { onClose } from "./intercept.js";
import { NodeConnection } from "./node.js";
import type { NodeResponse } from "./node-exchange.js";

type Http1Response = ServerResponse & NodeResponse;

const keptAlive = Object.freeze({
  ...Connection.constants.RESPONSE_HEADERS,
  Connection: "keep-alive",
});

/** A listener for 'timeout', without which Node destroys a socket that was silent for too long. */
function staysOpen(): void {}

/** A connection over the request and response of `node:http` or `node:https`. */
export class NodeHttp1Connection
  extends NodeConnection<IncomingMessage, Http1Response>
  implements Holder
{
  #onSocketClose: (() => void) | undefined;
  #isAttached = false;
  /** The socket's timeout, in ms, while it has none because the engine writes. */
  #heldTimeout = 0;
  /** What Node wrote to the socket meanwhile. */
  #held: unknown[][] | undefined;

  constructor(req: IncomingMessage, res: ServerResponse, options?: BuiltInConnectionOptions) {
    super(req, res as Http1Response, options);
  }

  protected override get isGone(): boolean {
    return this.res.destroyed || this.req.socket?.destroyed === true;
  }

  protected override cut(): void {
    // Of a pipelined request's response that has no socket yet, this cuts the one it will get:
    // the one of the request may be busy with the response before.
    this.res.destroy();
  }

  protected override uncork(): void {
    this.res.socket?.uncork?.();
  }

  protected override defaultHeaders(): Readonly<Record<string, string>> {
    const { req, res } = this;
    const keepsAlive =
      req.httpVersionMajor === 1 && req.httpVersionMinor >= 1 && res.shouldKeepAlive;
    return keepsAlive ? keptAlive : Connection.constants.RESPONSE_HEADERS;
  }

  protected override get isAttached(): boolean {
    return this.#isAttached;
  }

  override [kAttach](settings: Settings): number | undefined {
    const isUntouched = !this.isReplaced && writesAsNode(Object.getPrototypeOf(this.res));
    const isWanted = settings.transport === "auto" && !this[kImmediate];
    if (!isWanted || !isUntouched || !ownsPlainSocket(this.req, this.res)) return undefined;
    this.res.flushHeaders();
    const descriptor = descriptorOf(this.res);
    if (descriptor === undefined) return undefined;
    const session = attachSocket(descriptor, this.res.chunkedEncoding, settings);
    this.#isAttached = session !== undefined;
    if (this.#isAttached) {
      this.#holdTimeout();
      hold(this.req.socket, this);
    }
    return session;
  }

  /** It follows what the engine has, at the end. */
  onSocketWrite(args: unknown[]): void {
    this.#held ??= [];
    this.#held.push(args);
    process.nextTick(() => {
      if (this.res.writableEnded) this.observer?.[kUserEnd](() => this.beforeEnd());
    });
  }

  protected override beforeEnd(): void {
    const { socket } = this.req;
    for (const args of this.#held ?? []) Reflect.apply(socket.write, socket, args);
    this.#held = undefined;
  }

  override [kEnd](timeout: number, callback: () => void): void {
    this.beforeEnd();
    super[kEnd](timeout, callback);
  }

  protected override watch(): void {
    const { req, res } = this;
    res.socket?.setNoDelay?.(true);
    res.on("close", onClose);
    res.on("timeout", staysOpen);
    if (req.socket && res.socket !== req.socket) {
      // The response of a pipelined request has to wait for its socket, and is not told of its end.
      this.#onSocketClose = () => this.closed();
      req.socket.on("close", this.#onSocketClose);
    }
  }

  protected override unwatch(): void {
    this.res.off("close", onClose);
    this.res.off("timeout", staysOpen);
    if (this.#onSocketClose) this.req.socket.off("close", this.#onSocketClose);
    if (!this.#isAttached) return;
    const { socket } = this.req;
    letGo(socket, this);
    // Unless the application has set another since.
    if (this.#heldTimeout > 0 && socket.timeout === 0) socket.setTimeout(this.#heldTimeout);
  }

  /** Node sees nothing of what leaves, and would tell its listeners that the connection idles. */
  #holdTimeout(): void {
    const { socket } = this.req;
    this.#heldTimeout = socket.timeout ?? 0;
    if (this.#heldTimeout > 0) socket.setTimeout(0);
  }
}

import { setImmediate } from "node:timers";
import { Connection, startObserver } from "../connection/connection.js";
import { applyHeaders } from "../connection/headers.js";
import type { NodeRequest } from "../connection/node-exchange.js";
import { queryOf, urlOf } from "../connection/node-url.js";
import { SseError } from "../errors.js";
import {
  type ConnectionObserver,
  type DisconnectReason,
  kBegin,
  kBuffered,
  kDestroy,
  kDrain,
  kGone,
  kHasten,
  kHeader,
  kIdle,
  kImmediate,
  kObserve,
  kQuery,
  kRelease,
  kWritable,
  kWrite,
} from "../internal.js";
import type { MessageSocket, UpgradeRequest } from "./message-socket.js";
import { WholeEvents } from "./whole-events.js";

/** What is used of the request for the upgrade. */
type Upgrade = NodeRequest & { readonly socket?: UpgradeRequest["socket"] };

/** Of a WebSocket whose request is not known. */
const noRequest: Upgrade = { url: "/", headers: {} };

/**
 * A connection over a WebSocket, on which there may be others. It takes bytes only while nothing waits
 * in the WebSocket: what waits does so in the engine, where limit and write timeout see it.
 */
export abstract class WebSocketConnection extends Connection {
  protected readonly socket: MessageSocket;
  protected observer: ConnectionObserver | undefined;
  protected readonly upgrade: Upgrade;
  readonly #events = new WholeEvents();
  #stopListening: (() => void) | undefined;
  readonly #onIdle = () => this.observer?.[kDrain]();
  // Made when first asked for, since most sessions never are.
  #url: URL | undefined;
  #request: Request | undefined;
  #response: Response | undefined;
  #controller: AbortController | undefined;
  #isReleased = false;

  constructor(socket: MessageSocket, upgrade: Upgrade = noRequest) {
    super();
    this.socket = socket;
    this.upgrade = upgrade;
  }

  /** Sends what the events come to for the client. */
  protected abstract sendEvents(bytes: Buffer): void;

  get url(): URL {
    this.#url ??= urlOf(this.upgrade);
    return this.#url;
  }

  set url(url: URL) {
    this.#url = url;
  }

  get request(): Request {
    if (this.#request) return this.#request;
    this.#controller = new AbortController();
    const { method = "GET", headers } = this.upgrade;
    this.#request = new Request(this.url, { method, signal: this.#controller.signal });
    applyHeaders(headers, this.#request.headers);
    if (this.#isReleased) this.#abort();
    return this.#request;
  }

  set request(request: Request) {
    this.#request = request;
  }

  /** Has nothing to say: the upgrade was answered before. */
  get response(): Response {
    this.#response ??= new Response(null);
    return this.#response;
  }

  set response(response: Response) {
    this.#response = response;
  }

  sendHead(): void {}

  sendChunk(chunk: string): void {
    this[kWrite](Buffer.from(chunk));
  }

  cleanup(): void {}

  override [kObserve](observer: ConnectionObserver): void {
    this.observer = observer;
    this.#stopListening = this.socket.onClosed(() => this.observer?.[kGone]());
    setImmediate(startObserver, observer);
  }

  override [kBegin](): DisconnectReason | undefined {
    if (!this.socket.isOpen) return "client-closed";
    this.sendHead();
    return undefined;
  }

  override get [kWritable](): boolean {
    return this.socket.isOpen && this.socket.buffered === 0;
  }

  override get [kIdle](): boolean {
    return this.socket.buffered === 0;
  }

  override [kHasten](): boolean {
    if (this.socket.isOpen) this.socket.whenIdle(this.#onIdle);
    return this[kWritable];
  }

  override get [kImmediate](): boolean {
    return false;
  }

  override [kWrite](bytes: Buffer): void {
    const whole = this.#events.push(bytes);
    if (whole) this.sendEvents(whole);
  }

  override get [kBuffered](): number {
    return this.socket.buffered + this.#events.waiting;
  }

  override [kDestroy](_error: Error): void {
    this.socket.terminate();
  }

  override [kRelease](): void {
    this.observer = undefined;
    this.#isReleased = true;
    this.#stopListening?.();
    this.socket.forget(this.#onIdle);
    this.#abort();
    this.cleanup();
  }

  override [kHeader](name: string): string | null {
    const value = this.upgrade.headers[name];
    return Array.isArray(value) ? value.join(", ") : (value ?? null);
  }

  override get [kQuery](): URLSearchParams | undefined {
    return queryOf(this.upgrade.url);
  }

  #abort(): void {
    this.#controller?.abort(new SseError("not-connected", "the client has disconnected."));
  }
}

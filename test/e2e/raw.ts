import { connect, type Socket } from "node:net";
import { onTestFinished } from "vitest";
import { within } from "./harness.ts";
import { type RawResponse, ResponseParser } from "./http1.ts";

/** The bytes of a request head; HTTP/1.1 unless told. */
export function requestHead(
  path: string,
  { method = "GET", version = "1.1", headers = {} as Record<string, string> } = {},
): string {
  const lines = Object.entries({ Host: "127.0.0.1", ...headers }).map(([k, v]) => `${k}: ${v}\r\n`);
  return `${method} ${path} HTTP/${version}\r\n${lines.join("")}\r\n`;
}

export type Ask = Parameters<typeof requestHead>[1];

/** A TCP client that keeps every byte it reads. */
export class RawClient {
  readonly socket: Socket;
  readonly ended: Promise<void>;
  #chunks: Buffer[] = [];
  #parser = new ResponseParser();

  private constructor(socket: Socket) {
    this.socket = socket;
    this.ended = new Promise((resolve) => socket.once("close", () => resolve()));
    // A reset is an end like any other here.
    socket.on("error", () => {});
  }

  static async connect(port: number, { reading = true } = {}): Promise<RawClient> {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    const client = new RawClient(socket);
    if (reading) client.read();
    onTestFinished(() => {
      socket.destroy();
    });
    await within(new Promise((resolve) => socket.once("connect", resolve)), "connection");
    return client;
  }

  /** A client that asks for `path` and reads. */
  static async get(port: number, path: string, ask: Ask = {}): Promise<RawClient> {
    const client = await RawClient.connect(port);
    client.#parser.methods.push(ask?.method ?? "GET");
    client.write(requestHead(path, ask));
    return client;
  }

  /** A client that asks for `path` and does not read until told to. */
  static async stalled(port: number, path: string): Promise<RawClient> {
    const client = await RawClient.connect(port, { reading: false });
    client.write(requestHead(path));
    return client;
  }

  read() {
    this.socket.on("data", (chunk) => {
      this.#chunks.push(chunk);
      this.#parser.feed(chunk);
    });
  }

  write(bytes: string | Uint8Array) {
    this.socket.write(bytes);
  }

  get bytes(): Buffer {
    if (this.#chunks.length > 1) this.#chunks = [Buffer.concat(this.#chunks)];
    return this.#chunks[0] ?? Buffer.alloc(0);
  }

  get text(): string {
    return this.bytes.toString("latin1");
  }

  get responses(): readonly RawResponse[] {
    return this.#parser.responses;
  }

  get response(): RawResponse | undefined {
    return this.responses[0];
  }

  /** The body of the first response as UTF-8, as far as it has come. */
  get body(): string {
    return this.response?.body.toString("utf8") ?? "";
  }

  /** Waits until what has been read fulfils `condition`. */
  async until(condition: (client: this) => boolean, what: string): Promise<this> {
    const fulfilled = (async () => {
      while (!condition(this)) {
        if (this.socket.closed)
          throw new Error(`closed before: ${what}; read: ${this.text.slice(-2000)}`);
        await new Promise<void>((resolve) => {
          const go = () => {
            this.socket.off("data", go).off("close", go);
            resolve();
          };
          this.socket.on("data", go).on("close", go);
        });
      }
    })();
    await within(fulfilled, what);
    return this;
  }

  /** Waits until the first response's body includes `text`. */
  bodyIncludes(text: string): Promise<this> {
    const needle = Buffer.from(text);
    let searched = 0;
    let tail = Buffer.alloc(0);
    const found = () => {
      const parts = this.response?.parts ?? [];
      const fresh = Buffer.concat([tail, ...parts.slice(searched)]);
      searched = parts.length;
      tail = fresh.subarray(Math.max(0, fresh.length - needle.length));
      return fresh.includes(needle);
    };
    return this.until(found, `body with ${JSON.stringify(text.slice(0, 200))}`);
  }

  /** Waits until the response numbered `index` from 0 has come whole. */
  bodyIsWhole(index = 0): Promise<this> {
    return this.until(({ responses }) => responses[index]?.whole === true, "whole response");
  }

  destroy(): Promise<void> {
    this.socket.destroy();
    return within(this.ended, "closed connection");
  }

  reset(): Promise<void> {
    this.socket.resetAndDestroy();
    return within(this.ended, "reset connection");
  }
}

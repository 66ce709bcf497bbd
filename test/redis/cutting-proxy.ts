import { connect, createServer, type Socket } from "node:net";
import { Redis } from "ioredis";
import { onTestFinished } from "vitest";
import { listen } from "../e2e/harness.ts";
import type { RedisServer } from "./redis-server.ts";

/** Between a client and Redis, to cut their connections: an answer may be lost of what was done. */
export class CuttingProxy {
  readonly #server: RedisServer;
  readonly #pairs = new Set<[Socket, Socket]>();
  /** Whether answers are thrown away from now on, until the connections are cut. */
  #isMute = false;
  port = 0;
  cuts = 0;

  constructor(server: RedisServer) {
    this.#server = server;
  }

  async start() {
    const proxy = createServer((near) => this.#join(near));
    this.port = (await listen(proxy)).port;
  }

  /** What was asked is still done, but no answer comes; then the connections break. */
  async cut(ms: number) {
    this.#isMute = true;
    await new Promise((resolve) => setTimeout(resolve, ms));
    this.#isMute = false;
    this.cuts += this.#pairs.size;
    for (const pair of this.#pairs) for (const socket of pair) socket.destroy();
  }

  /** A client of Redis through this. */
  client(): Redis {
    const client = new Redis(this.port, "127.0.0.1", { retryStrategy: () => 5 });
    client.on("error", () => {});
    onTestFinished(() => client.disconnect());
    return client;
  }

  #join(near: Socket) {
    const far = connect(this.#server.port, "127.0.0.1");
    const pair: [Socket, Socket] = [near, far];
    this.#pairs.add(pair);
    near.on("data", (bytes) => far.write(bytes));
    far.on("data", (bytes) => this.#isMute || near.write(bytes));
    for (const socket of pair) {
      socket.on("error", () => {});
      socket.on("close", () => {
        this.#pairs.delete(pair);
        for (const other of pair) other.destroy();
      });
    }
  }
}

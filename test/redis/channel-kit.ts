import { createServer } from "node:http";
import type { Redis } from "ioredis";
import {
  type Channel,
  type ChannelOptions,
  createChannel,
  createSession,
} from "../../lib/index.ts";
import { type Client, clients, listen, type OpenStream, type SeenEvent } from "../e2e/harness.ts";
import { openProcess } from "./backplane-kit.ts";
import type { RedisServer } from "./redis-server.ts";

const client = clients.find(({ name }) => name === "undici") as Client;

/** A server of an application: a channel that others share, and an HTTP server for its sessions. */
export class AppServer {
  readonly channel: Channel;
  readonly redis: Redis;
  readonly errors: string[] = [];
  port = 0;

  constructor(
    server: RedisServer,
    options: ChannelOptions = {},
    process = openProcess(server, { presenceTimeout: 600 }),
  ) {
    this.redis = process.client;
    this.channel = createChannel({ name: "news", backplane: process.backplane, ...options });
    this.channel.on("backplane-error", ({ code }) => this.errors.push(code));
  }

  async start(): Promise<this> {
    const server = createServer(async (req, res) => {
      const session = await createSession(req, res, { retry: null, keepAlive: null });
      this.channel.register(session);
    });
    this.port = (await listen(server)).port;
    return this;
  }

  /** A client, once its session is registered. */
  async open(lastId?: string): Promise<OpenStream> {
    const headers = lastId === undefined ? {} : { "Last-Event-ID": lastId };
    const registered = new Promise((resolve) => this.channel.once("session-registered", resolve));
    const opened = await client.open(`http://127.0.0.1:${this.port}/`, "http", headers as never);
    await registered;
    return opened;
  }
}

export const startApp = (server: RedisServer, options?: ChannelOptions) =>
  new AppServer(server, options).start();

/** Data of events, without their ids. */
export const dataOf = (events: readonly SeenEvent[]) =>
  events.map(({ event, data }) => (event === "message" ? JSON.parse(data) : `${event} ${data}`));

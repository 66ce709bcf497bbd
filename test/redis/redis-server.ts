import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis, type RedisOptions } from "ioredis";
import { onTestFinished } from "vitest";
import { within } from "../e2e/harness.ts";

export interface RedisServerOptions {
  /** Whether what was written survives a kill and a restart. Defaults to false. */
  appendonly?: boolean;
  /** More of redis-server's settings: `{ maxmemory: "8mb" }`. */
  settings?: Record<string, string>;
}

/** What connecting takes, and this harness: not what a test counts. */
const connecting = /^(info|hello|auth|select|ping|command|client\|setinfo|config\|.*)$/;

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** A redis-server of the test's own, on a port of 127.0.0.1 that it keeps across restarts. */
export class RedisServer {
  port = 0;
  readonly #folder = mkdtempSync(join(tmpdir(), "stream-llm-redis-"));
  readonly #options: RedisServerOptions;
  #process: ChildProcess | undefined;
  #output = "";

  constructor(options: RedisServerOptions = {}) {
    this.#options = options;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** Starts it on a free port; resolves when it answers. */
  async start(): Promise<void> {
    // Somebody else may take the port before Redis does.
    for (let attempt = 0; ; attempt++) {
      this.port = await freePort();
      try {
        return await this.restart();
      } catch (error) {
        if (attempt === 3 || !this.#output.includes("Address already in use")) throw error;
      }
    }
  }

  /** Starts it on the port that it had; resolves when it answers. */
  async restart(): Promise<void> {
    this.#output = "";
    const { appendonly = false, settings = {} } = this.#options;
    const all: Record<string, string> = {
      port: String(this.port),
      bind: "127.0.0.1",
      dir: this.#folder,
      save: "",
      appendonly: appendonly ? "yes" : "no",
      appendfsync: "always",
      ...settings,
    };
    const args = Object.entries(all).flatMap(([name, value]) => [`--${name}`, value]);
    const child = spawn("redis-server", args, { stdio: ["ignore", "pipe", "pipe"] });
    this.#process = child;
    const failed = new Promise<never>((_, reject) => {
      child.once("error", (error) =>
        reject(new Error(`redis-server did not start; scripts/setup.sh installs it: ${error}`)),
      );
      child.once("close", () => reject(new Error(`redis-server ended: ${this.#output}`)));
    });
    failed.catch(() => {});
    const ready = new Promise<void>((resolve) => {
      const take = (chunk: Buffer) => {
        this.#output += chunk;
        if (this.#output.includes("Ready to accept connections")) resolve();
      };
      child.stdout.on("data", take);
      child.stderr.on("data", take);
    });
    await within(Promise.race([ready, failed]), "redis-server that answers");
  }

  /** Ends it as an operator would. */
  stop(): Promise<void> {
    return this.#end("SIGTERM");
  }

  /** Ends it as a crash would. */
  kill(): Promise<void> {
    return this.#end("SIGKILL");
  }

  /** It accepts connections and bytes, but answers nothing. */
  pause(): void {
    this.#process?.kill("SIGSTOP");
  }

  resume(): void {
    this.#process?.kill("SIGCONT");
  }

  /** Sends one command, over a connection of its own. */
  async ask(command: string, ...args: string[]): Promise<unknown> {
    const client = new Redis(this.port, "127.0.0.1", {
      lazyConnect: true,
      enableReadyCheck: false,
      disableClientInfo: true,
      retryStrategy: null,
    });
    client.on("error", () => {});
    try {
      await client.connect();
      return await client.call(command, ...args);
    } finally {
      client.disconnect();
    }
  }

  /**
   * How often each command was called since the start or `resetCommands`, those that scripts call
   * too, but not those that connecting takes. A command that blocks is counted when it returns.
   */
  async commands(): Promise<Record<string, number>> {
    const stats = String(await this.ask("INFO", "commandstats"));
    const counts: Record<string, number> = {};
    for (const [, name = "", calls] of stats.matchAll(/^cmdstat_(\S+?):calls=(\d+)/gm)) {
      if (!connecting.test(name)) counts[name] = Number(calls);
    }
    return counts;
  }

  /** `commands()` together. */
  async commandCount(): Promise<number> {
    return Object.values(await this.commands()).reduce((sum, count) => sum + count, 0);
  }

  async resetCommands(): Promise<void> {
    await this.ask("CONFIG", "RESETSTAT");
  }

  /** How many connections are open, without the one that asks. */
  async connections(): Promise<number> {
    const list = String(await this.ask("CLIENT", "LIST"));
    return list.trim().split("\n").length - 1;
  }

  /** Ends it, and leaves nothing on the disk. */
  async close(): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#process;
    if (!child || child.pid === undefined) return;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const closed = new Promise((resolve) => child.once("close", resolve));
    child.kill(signal);
    // One that is paused takes no other signal than SIGKILL.
    child.kill("SIGCONT");
    await within(closed, "end of redis-server");
  }
}

/** Starts a redis-server that ends with the test. */
export async function startRedis(options?: RedisServerOptions): Promise<RedisServer> {
  const server = new RedisServer(options);
  onTestFinished(() => server.close());
  await server.start();
  return server;
}

/** A client of the server, closed with the test. */
export function redisClient(server: RedisServer, options: RedisOptions = {}): Redis {
  const client = new Redis(server.port, "127.0.0.1", options);
  // Without a listener, ioredis prints them.
  client.on("error", () => {});
  onTestFinished(() => client.disconnect());
  return client;
}

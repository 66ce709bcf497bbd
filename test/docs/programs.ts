import { type ChildProcess, spawn } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type EventSourceMessage, EventSourceParserStream } from "eventsource-parser/stream";
import { onTestFinished } from "vitest";
import { within } from "../e2e/harness.ts";
import { root } from "./markdown.ts";

const rootPath = fileURLToPath(root);
const here = dirname(fileURLToPath(import.meta.url));
export interface ProgramOptions {
  env?: Record<string, string>;
  /** `module`: exports handlers. `browser`, `bun`, `deno`: see preload.mjs. */
  runtime?: "node" | "module" | "browser" | "bun" | "deno";
  /** The server that a browser snippet talks to. */
  origin?: string;
}

/** A snippet's program, running in a process of its own. */
export class Program {
  #child: ChildProcess;
  #output = "";

  constructor(script: string, { env, runtime = "node", origin }: ProgramOptions) {
    const args = runtime === "module" ? [join(here, "serve-module.mjs"), script] : [script];
    this.#child = spawn(process.execPath, ["--import", join(here, "preload.mjs"), ...args], {
      cwd: rootPath,
      env: { ...process.env, SNIPPET_RUNTIME: runtime, SNIPPET_ORIGIN: origin, ...env },
      stdio: ["ignore", "pipe", "pipe", "ipc"],
    });
    const append = (chunk: Buffer) => {
      this.#output += chunk;
    };
    this.#child.stdout?.on("data", append);
    this.#child.stderr?.on("data", append);
    onTestFinished(() => this.stop());
  }

  /** All that the program has printed. */
  get output() {
    return this.#output;
  }

  /** Scheme, host and port, once it listens. */
  async origin(): Promise<string> {
    const port = new Promise<number>((resolve, reject) => {
      this.#child.once("message", (message: { port: number }) => resolve(message.port));
      this.#child.once("exit", () => reject(new Error(`It ended:\n${this.#output}`)));
    });
    return `http://127.0.0.1:${await within(port, "listening program")}`;
  }

  /** Waits for the program to end by itself; returns what it has printed. */
  async finished(): Promise<string> {
    const exit = new Promise<number | null>((resolve) => this.#child.once("close", resolve));
    const code = await within(exit, `end of the program, which says:\n${this.#output}`);
    if (code !== 0) throw new Error(`Exit code ${code}:\n${this.#output}`);
    return this.#output;
  }

  /** Waits until the program has printed `text`. */
  async printed(text: string): Promise<void> {
    const { stdout } = this.#child;
    while (!this.#output.includes(text)) {
      const more = new Promise((resolve) => stdout?.once("data", resolve));
      await within(more, `"${text}" in the output, which is:\n${this.#output}`);
    }
  }

  signal(name: NodeJS.Signals) {
    this.#child.kill(name);
  }

  async stop() {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exit = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.kill("SIGKILL");
    await exit;
  }
}

/** A stream that stays open: events are taken as they come. */
export interface OpenStream {
  response: Response;
  /** The next `count` events, or what is left when the stream ends before. */
  take(count: number): Promise<EventSourceMessage[]>;
  close(): void;
}

/** Opens a stream; it is closed when the test ends, if it is not before. */
export async function openStream(url: string, init: RequestInit = {}): Promise<OpenStream> {
  const controller = new AbortController();
  const close = () => controller.abort();
  onTestFinished(close);
  const response = await within(fetch(url, { ...init, signal: controller.signal }), "response");
  if (!response.body) throw new Error("A response without a body");
  const reader = response.body
    .pipeThrough(new TextDecoderStream())
    .pipeThrough(new EventSourceParserStream())
    .getReader();
  const take = async (count: number) => {
    const events: EventSourceMessage[] = [];
    while (events.length < count) {
      const { done, value } = await within(reader.read(), `event ${events.length + 1}`);
      if (done) break;
      events.push(value);
    }
    return events;
  };
  return { response, take, close };
}

/** Reads the first `count` events of a stream, then goes away; by default all until its end. */
export async function readEvents(
  url: string,
  count = Number.POSITIVE_INFINITY,
  init: RequestInit = {},
) {
  const { response, take, close } = await openStream(url, init);
  const events = await take(count);
  if (Number.isFinite(count)) close();
  return { response, events };
}

import { createServer, type ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { createParser } from "eventsource-parser";
import { onTestFinished } from "vitest";
import {
  createGenerations,
  type Generations,
  type GenerationsOptions,
  type Part,
  type WatchOptions,
} from "../../lib/streaming/server.ts";
import { eventually, listen, Queue, type SeenEvent, seen, sessionOptions } from "../e2e/harness.ts";
import { finish, start } from "./written.ts";

export const usage: Part = {
  type: "usage",
  usage: { inputTokens: 3, outputTokens: 2, totalTokens: 5 },
};

export const text = (text: string): Part => ({ type: "text", text });

/** A whole answer of these tokens. */
export const answering = (...tokens: string[]): Part[] => [
  start,
  ...tokens.map(text),
  usage,
  finish,
];

/** A provider that says what the test tells it to, when the test does. */
export class Scripted {
  /** How often it was asked. */
  asked = 0;
  signal: AbortSignal | undefined;
  readonly #parts = new Queue<Part | Error>();
  #returned = false;

  readonly source = ({ signal }: { signal: AbortSignal }): AsyncIterable<Part> => {
    this.asked++;
    this.signal = signal;
    return {
      [Symbol.asyncIterator]: () => ({
        next: async () => {
          const value = await this.#parts.next("part", 60_000);
          if (value instanceof Error) throw value;
          return { done: false, value };
        },
        return: async () => {
          this.#returned = true;
          return { done: true, value: undefined };
        },
      }),
    };
  };

  /** Whether it was told that nothing more is wanted. */
  get stopped(): boolean {
    return this.#returned;
  }

  say(...said: (Part | Error | string)[]): void {
    for (const one of said) this.#parts.put(typeof one === "string" ? text(one) : one);
  }
}

/** Closed with the test. */
export function make(options?: GenerationsOptions): Generations {
  const generations = createGenerations(options);
  onTestFinished(() => generations.close());
  return generations;
}

/** A tab: what it has read so far. */
export interface Tab {
  status: number;
  headers: Headers;
  events: SeenEvent[];
  comments: string[];
  /** Resolves when the response has ended, or the connection broke. */
  ended: Promise<void>;
  readonly body: string;
  close(): void;
  /** Waits until that many events have come. */
  has(count: number): Promise<void>;
  /** The tokens of the protocol "events", joined. */
  readonly text: string;
}

export async function openTab(url: string, lastId?: string): Promise<Tab> {
  const gone = new AbortController();
  onTestFinished(() => gone.abort());
  const headers: Record<string, string> = lastId === undefined ? {} : { "Last-Event-ID": lastId };
  const response = await fetch(url, { headers, signal: gone.signal });
  const events: SeenEvent[] = [];
  const comments: string[] = [];
  let body = "";
  const parser = createParser({
    onEvent: (message) => events.push(seen(message)),
    onComment: (comment) => comments.push(comment),
  });
  const decoder = new TextDecoder();
  const read = async () => {
    for await (const chunk of Readable.fromWeb(response.body as never)) {
      const piece = decoder.decode(chunk, { stream: true });
      body += piece;
      parser.feed(piece);
    }
  };
  return {
    status: response.status,
    headers: response.headers,
    events,
    comments,
    ended: response.body === null ? Promise.resolve() : read().catch(() => {}),
    get body() {
      return body;
    },
    get text() {
      return textOf(events);
    },
    close: () => gone.abort(),
    has: (count) => eventually(() => events.length >= count, `${count} events`),
  };
}

export function textOf(events: readonly SeenEvent[]): string {
  const tokens = events.filter(({ event }) => event === "token");
  return tokens.map(({ data }) => JSON.parse(data).token).join("");
}

/** Serves `/<id>` of the generations over Node's HTTP. */
export async function serveGenerations(
  generations: Generations,
  options: WatchOptions = {},
): Promise<(id: string) => string> {
  const server = createServer(async (req, res: ServerResponse) => {
    const id = new URL(req.url ?? "", "http://x").pathname.slice(1);
    const session = await generations.attach(id, req, res, sessionOptions(options));
    if (!session) res.writeHead(404).end();
  });
  const { origin } = await listen(server);
  return (id) => `${origin}/${id}`;
}

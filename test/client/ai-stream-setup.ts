import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import express from "express";
import { onTestFinished } from "vitest";
import { AIStream, type AIStreamConfig, type Message } from "../../lib/client/index.ts";
import {
  type GenerationRequest,
  type Generations,
  type GenerationsOptions,
  generationHandlers,
} from "../../lib/streaming/server.ts";
import { listen } from "../e2e/harness.ts";
import { make, Scripted } from "../streaming/generations-setup.ts";

/** A retry that costs a test no time. */
export const soon = { initialDelay: 1, maxDelay: 2 };

/** A stream against an endpoint, stopped with its test. What it tells is in `told`. */
export function open(endpoint: string, config: Partial<AIStreamConfig> = {}) {
  const stream = new AIStream({ endpoint, retry: soon, ...config });
  onTestFinished(() => stream.detach());
  const told: [event: string, ...args: unknown[]][] = [];
  for (const event of [
    "message",
    "streaming-start",
    "token",
    "reasoning",
    "usage",
    "cost",
    "streaming-end",
    "error",
    "retry",
    "restart",
    "reset",
  ] as const) {
    stream.on(event, (...args: unknown[]) => told.push([event, ...args]));
  }
  return {
    stream,
    told,
    /** The names of the events, those of tokens once each. */
    get names() {
      return told.map(([event]) => event);
    },
    get tokens() {
      return told.filter(([event]) => event === "token").map(([, token]) => token as string);
    },
    of: (event: string) => told.filter(([name]) => name === event).map(([, arg]) => arg),
    get last() {
      return stream.getMessages().at(-1) as Message;
    },
  };
}

export interface Chat {
  endpoint: string;
  generations: Generations;
  /** One for each generation that was started. */
  providers: Scripted[];
  /** Method and path of each request, in the order they came. */
  requests: string[];
  /** Cuts all connections that there are. */
  cut(): void;
  /** The provider of the first generation, or the given one. */
  provider(number?: number): Scripted;
}

/** The package's own handlers over Express. */
export async function chat(
  options: GenerationsOptions = {},
  request: (body: {
    id: string;
    [name: string]: unknown;
  }) => Partial<GenerationRequest> = () => ({}),
  before?: (req: IncomingMessage, res: ServerResponse, next: () => void) => void,
): Promise<Chat> {
  const generations = make(options);
  const providers: Scripted[] = [];
  const requests: string[] = [];
  const handlers = generationHandlers<express.Request>(generations, {
    start: ({ body }) => {
      const scripted = new Scripted();
      providers.push(scripted);
      return { id: body.id, run: scripted.source, ...request(body) };
    },
    authorize: () => true,
  });
  const app = express();
  app.use((req, _, next) => {
    requests.push(`${req.method} ${req.path}`);
    next();
  });
  if (before) app.use(before);
  app.post("/api/chat", express.json(), handlers.post);
  app.get("/api/chat/:id/stream", handlers.stream);
  app.post("/api/chat/:id/stop", handlers.stop);
  const { origin, sockets } = await listen(createServer(app));
  return {
    endpoint: `${origin}/api/chat`,
    generations,
    providers,
    requests,
    cut: () => {
      for (const socket of sockets) socket.destroy();
    },
    provider: (number = 0) => providers[number] as Scripted,
  };
}

/** What a plain server does with its requests, one after another; the last one for all that follow. */
export type Step = (req: IncomingMessage, res: ServerResponse) => void;

export async function serve(...steps: Step[]) {
  const requests: { method: string; path: string; lastId: string | undefined; body: string }[] = [];
  let at = 0;
  const server = createServer(async (req, res) => {
    let body = "";
    for await (const chunk of req) body += chunk;
    const lastId = req.headers["last-event-id"] as string | undefined;
    requests.push({ method: req.method ?? "", path: req.url ?? "", lastId, body });
    const step = steps[Math.min(at++, steps.length - 1)];
    step?.(req, res);
  });
  const { origin } = await listen(server);
  return {
    endpoint: `${origin}/chat`,
    requests,
    paths: () => requests.map(({ method, path }) => `${method} ${path}`),
  };
}

export const head = { "Content-Type": "text/event-stream" };

/** Answers with these bytes, and ends. */
export const stream =
  (...events: string[]): Step =>
  (_, res) =>
    void res.writeHead(200, head).end(events.join(""));

/** Answers with these bytes, and breaks off. */
export const broken =
  (...events: string[]): Step =>
  (_, res) => {
    res.writeHead(200, head).write(events.join(""), () => setTimeout(() => res.destroy(), 5));
  };

export const status =
  (code: number, headers: Record<string, string> = {}, body = ""): Step =>
  (_, res) =>
    void res.writeHead(code, headers).end(body);

/** An event of AI Kit's. */
export const event = (name: string, data: object, id?: string) =>
  `${id === undefined ? "" : `id: ${id}\n`}event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;

export const token = (text: string, id?: string) => event("token", { token: text }, id);
export const done = event("done", {});

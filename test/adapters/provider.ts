import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from "node:http";
import type { AddressInfo, Socket } from "node:net";
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";

/** A provider on 127.0.0.1 that answers every request alike. */
export interface Provider {
  url: string;
  openai: OpenAI;
  anthropic: Anthropic;
  /** Connections that clients have opened so far. */
  connections: Set<Socket>;
  close(): Promise<void>;
}

export type Answering = (response: ServerResponse, request: IncomingMessage) => void;

export async function startProvider(answer: Answering): Promise<Provider> {
  const connections = new Set<Socket>();
  const listener: RequestListener = (request, response) => {
    request.resume();
    request.on("end", () => answer(response, request));
  };
  const server = createServer(listener);
  server.on("connection", (socket) => connections.add(socket));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const options = { apiKey: "test", maxRetries: 0, logLevel: "off" as const };
  return {
    url,
    openai: new OpenAI({ ...options, baseURL: url }),
    anthropic: new Anthropic({ ...options, baseURL: url }),
    connections,
    close: () => closed(server),
  };
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

export function sendEvents(response: ServerResponse, body: string | Uint8Array): void {
  response.writeHead(200, { "content-type": "text/event-stream" }).end(body);
}

/** Runs `use` with a provider that sends `body` as an event stream. */
export async function withProvider<T>(
  answer: string | Uint8Array | Answering,
  use: (provider: Provider) => Promise<T>,
): Promise<T> {
  const provider = await startProvider(
    typeof answer === "function" ? answer : (response) => sendEvents(response, answer),
  );
  try {
    return await use(provider);
  } finally {
    await provider.close();
  }
}

export const chatRequest = {
  model: "m",
  messages: [{ role: "user" as const, content: "Hi" }],
};

export const anthropicRequest = { ...chatRequest, max_tokens: 100 };

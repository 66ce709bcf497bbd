import { connect as http2Connect } from "node:http2";
import { Readable } from "node:stream";
import { EventSource } from "eventsource";
import { createParser } from "eventsource-parser";
import { Agent, fetch as undiciFetch, request as undiciRequest } from "undici";
import { onTestFinished } from "vitest";
import { certificate, deferred, Queue, type SeenEvent, seen, within } from "./harness.ts";

export interface OpenStream {
  status: number;
  headers: Record<string, string>;
  events: Queue<SeenEvent>;
  /** Resolves when the server ends the stream or the connection breaks. */
  ended: Promise<void>;
  /** Goes away as a closed tab does. */
  close(): void;
}

export interface Client {
  name: string;
  schemes: readonly Scheme[];
  open(url: string, scheme: Scheme, headers?: Record<string, string>): Promise<OpenStream>;
}

export type Scheme = "http" | "https" | "h2c" | "h2";

/** Event names that the tests use; an EventSource must name what it listens for. */
const eventNames = ["message", "named", "tick", "stream", "iteration"];

async function consume(
  body: AsyncIterable<Uint8Array>,
  events: Queue<SeenEvent>,
  ended: () => void,
) {
  const parser = createParser({ onEvent: (message) => events.put(seen(message)) });
  const decoder = new TextDecoder();
  try {
    for await (const chunk of body) parser.feed(decoder.decode(chunk, { stream: true }));
  } catch {
    // A broken connection ends the stream as well.
  }
  ended();
}

function reading(body: AsyncIterable<Uint8Array>) {
  const events = new Queue<SeenEvent>();
  const end = deferred();
  void consume(body, events, end.resolve);
  return { events, ended: end.promise };
}

/** An undici agent that trusts the test certificate; torn down with the test. */
function agent(scheme: Scheme): Agent {
  const tls = scheme === "https" || scheme === "h2";
  const connect = tls ? { ca: certificate().cert } : {};
  const made = new Agent({ connect, allowH2: scheme === "h2" });
  onTestFinished(() => made.destroy());
  return made;
}

const globalFetch: Client = {
  name: "global fetch",
  schemes: ["http"],
  async open(url, _scheme, headers = {}) {
    const controller = new AbortController();
    onTestFinished(() => controller.abort());
    const response = await within(fetch(url, { headers, signal: controller.signal }), "response");
    return {
      status: response.status,
      headers: Object.fromEntries(response.headers),
      ...reading(Readable.fromWeb(response.body as never)),
      close: () => controller.abort(),
    };
  },
};

const undici: Client = {
  name: "undici",
  schemes: ["http", "https"],
  async open(url, scheme, headers = {}) {
    const opening = undiciRequest(url, { dispatcher: agent(scheme), headers });
    const { statusCode, headers: received, body } = await within(opening, "response");
    return {
      status: statusCode,
      headers: received as Record<string, string>,
      ...reading(body),
      close: () => body.destroy(),
    };
  },
};

const eventSource: Client = {
  name: "eventsource",
  schemes: ["http", "https", "h2"],
  async open(url, scheme, headers = {}) {
    const events = new Queue<SeenEvent>();
    const end = deferred();
    const opened = deferred<{ status: number; headers: Record<string, string> }>();
    const dispatcher = agent(scheme);
    const source = new EventSource(url, {
      fetch: async (input, init) => {
        const all = { ...init.headers, ...headers };
        const response = await undiciFetch(input, { ...init, headers: all, dispatcher });
        const { status } = response;
        opened.resolve({ status, headers: Object.fromEntries(response.headers) });
        return response as never;
      },
    });
    for (const name of eventNames) {
      source.addEventListener(name, ({ data, lastEventId: id }) => {
        events.put({ event: name, id: id === "" ? undefined : id, data });
      });
    }
    source.addEventListener("error", () => end.resolve());
    onTestFinished(() => source.close());
    const head = await within(opened.promise, "response");
    const close = () => {
      source.close();
      // A browser's tab takes its HTTP/2 connection along.
      if (scheme === "h2") void dispatcher.destroy();
    };
    return { ...head, events, ended: end.promise, close };
  },
};

const http2: Client = {
  name: "http2",
  schemes: ["h2c", "h2"],
  async open(url, scheme, headers = {}) {
    const { origin, pathname, search } = new URL(url);
    const options = scheme === "h2" ? { ca: certificate().cert } : {};
    const session = http2Connect(origin, options);
    session.on("error", () => {});
    onTestFinished(() => session.destroy());
    const stream = session.request({ ":path": pathname + search, ...headers });
    const response = deferred<Record<string, string>>();
    stream.once("response", (head) => response.resolve(head as Record<string, string>));
    stream.once("error", response.reject);
    const head = await within(response.promise, "response");
    return {
      status: Number(head[":status"]),
      headers: head,
      ...reading(stream),
      close: () => session.destroy(),
    };
  },
};

/** Clients from npm and Node's own, each reading the stream in its own way. */
export const clients: readonly Client[] = [eventSource, globalFetch, undici, http2];

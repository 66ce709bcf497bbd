import { createServer, type ServerResponse } from "node:http";
import type { Part, StreamingResponseOptions } from "../../lib/streaming/server.ts";
import { StreamingResponse } from "../../lib/streaming/server.ts";
import { listen, Queue } from "../e2e/harness.ts";

/** Both lanes of plain HTTP/1.1. */
export const lanes = [
  ["socket", "auto"],
  ["stream", "stream"],
] as const;

/** A server that makes a stream of every request; `use` has it before it connects. */
export async function serveStreams(
  options: StreamingResponseOptions = {},
  use: (stream: StreamingResponse, res: ServerResponse) => unknown = () => {},
) {
  const streams = new Queue<StreamingResponse>();
  const responses: ServerResponse[] = [];
  const server = createServer((_req, res) => {
    const stream = new StreamingResponse(res, options);
    responses.push(res);
    use(stream, res);
    streams.put(stream);
  });
  return { ...(await listen(server)), streams, responses };
}

export function text(text: string): Part {
  return { type: "text", text };
}

/** A source that yields what it is told to, for as long as it is asked. */
export class Source implements AsyncIterable<Part> {
  taken = 0;
  returned = 0;
  readonly #part: (index: number) => Part | Promise<Part>;

  constructor(part: (index: number) => Part | Promise<Part>) {
    this.#part = part;
  }

  [Symbol.asyncIterator](): AsyncIterator<Part> {
    return {
      next: async () => ({ done: false, value: await this.#part(this.taken++) }),
      return: async () => {
        this.returned++;
        return { done: true, value: undefined };
      },
    };
  }
}

/** A promise that never settles: a provider that has stopped talking. */
export const silence = new Promise<never>(() => {});

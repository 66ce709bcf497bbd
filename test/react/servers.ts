import type { IncomingMessage, ServerResponse } from "node:http";
import { Queue, within } from "../e2e/harness.ts";

/** A request for events: the test says what comes. */
export class Opened {
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  readonly res: ServerResponse;
  /** Resolves when the client has gone before the end. */
  readonly aborted: Promise<void>;
  isAborted = false;

  constructor(req: IncomingMessage, res: ServerResponse) {
    this.url = req.url ?? "";
    this.headers = req.headers;
    this.res = res;
    const aborted = new Promise<void>((resolve) => {
      res.once("close", () => {
        if (res.writableFinished) return;
        this.isAborted = true;
        resolve();
      });
    });
    this.aborted = within(aborted, `abort of ${this.url}`, 25_000);
    this.aborted.catch(() => {});
  }

  /** The head of an event stream. */
  begin(): this {
    this.res.writeHead(200, { "Content-Type": "text/event-stream" }).flushHeaders();
    return this;
  }

  send(data: unknown, { event = "", id = "" } = {}): this {
    const name = event && `event: ${event}\n`;
    this.res.write(`${name}${id && `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`);
    return this;
  }

  write(text: string): this {
    this.res.write(text);
    return this;
  }

  end(text = ""): void {
    this.res.end(text);
  }

  refuse(status: number, headers: Record<string, string> = {}, body = "refused"): void {
    this.res.writeHead(status, headers).end(body);
  }
}

/** Requests, in the order they came. */
export function requests() {
  const queue = new Queue<Opened>();
  const handle = (req: IncomingMessage, res: ServerResponse) => queue.put(new Opened(req, res));
  const next = () => queue.next("request");
  return { handle, next, all: queue.seen };
}

/** What an answer of so many tokens says. */
export const numbers = (count: number) =>
  Array.from({ length: count }, (_, index) => `${index} `).join("");

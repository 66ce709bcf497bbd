import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type * as betterSse from "better-sse";
import { deferred, listen, parseStream, RawClient, within } from "./harness.ts";
import type { Ask } from "./raw.ts";

/** What better-sse documents: the shape that both packages must have. */
export type Sse = typeof betterSse;

export type Exchange = [req: IncomingMessage, res: ServerResponse];

/** Ids that a package made up; each has a form of its own. */
const madeUp = /^([0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-z]{15})$/;

export const normalId = (id: string | undefined) => (madeUp.test(id ?? "") ? "<made up>" : id);

/** Headers that differ by intention, or from run to run. */
const differing = [
  "date",
  "connection",
  "keep-alive",
  "cache-control",
  "pragma",
  "transfer-encoding",
];

export function normalHeaders(headers: Iterable<[string, string]>) {
  const kept = [...headers].filter(([name]) => !differing.includes(name)).sort();
  return Object.fromEntries(kept);
}

/** What a client sees of a stream: events, comments, retries. */
export function normalStream(stream: string | Uint8Array) {
  const { events, ...rest } = parseStream(stream);
  return { ...rest, events: events.map((event) => ({ ...event, id: normalId(event.id) })) };
}

/** What a client sees of a Fetch Response. */
export async function readResponse(response: Response) {
  const body = response.text();
  const headers = normalHeaders(response.headers);
  return { status: response.status, headers, body: normalStream(await within(body, "body")) };
}

/**
 * Answers one request by `handler` and ends the response as an application does, when the handler is
 * done. Gives what the client saw and what the handler returned.
 */
export async function visit<T>(
  handler: (...exchange: Exchange) => T,
  ask: Ask & { path?: string } = {},
) {
  const result = deferred<Awaited<T>>();
  const server = await listen(
    createServer(async (req, res) => {
      try {
        result.resolve(await handler(req, res));
      } catch (error) {
        result.reject(error);
      }
      res.end();
    }),
  );
  const client = await RawClient.get(server.port, ask.path ?? "/", {
    ...ask,
    headers: { Connection: "close", ...ask.headers },
  });
  const log = await within(result.promise, "end of the handler");
  await client.bodyIsWhole();
  const { status = 0, headers = {} } = client.response ?? {};
  return {
    status,
    headers: normalHeaders(Object.entries(headers)),
    body: normalStream(client.body),
    log,
  };
}

/** Opens `count` sessions at once, gives them to `use`, and afterwards says what each client saw. */
export async function visitMany<T>(
  count: number,
  open: (...exchange: Exchange) => Promise<betterSse.Session>,
  use: (sessions: betterSse.Session[], clients: RawClient[]) => T,
) {
  const responses: ServerResponse[] = [];
  let made = deferred<betterSse.Session>();
  const server = await listen(
    createServer(async (req, res) => {
      responses.push(res);
      made.resolve(await open(req, res));
    }),
  );
  const sessions: betterSse.Session[] = [];
  const clients: RawClient[] = [];
  for (let index = 0; index < count; index++) {
    made = deferred();
    clients.push(
      await RawClient.get(server.port, `/${index}`, { headers: { Connection: "close" } }),
    );
    sessions.push(await within(made.promise, "session"));
    await clients[index]?.bodyIncludes("retry:");
  }
  const log = await use(sessions, clients);
  for (const response of responses) response.end();
  // better-sse keeps connections open that asked not to be.
  await Promise.all(clients.map((client) => Promise.race([client.ended, client.bodyIsWhole()])));
  return { log, bodies: clients.map((client) => normalStream(client.body)) };
}

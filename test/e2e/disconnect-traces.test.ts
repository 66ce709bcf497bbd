import type { EventEmitter } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { describe, expect, it } from "vitest";
import { createSession, type Session } from "../../lib/index.ts";
import { eventually, listen, Queue, RawClient, requestHead, sessionOptions } from "./harness.ts";

type Listeners = Map<string | symbol, unknown[]>;

const listenersOf = (emitter: EventEmitter): Listeners =>
  new Map(emitter.eventNames().map((name) => [name, emitter.rawListeners(name)]));

/** Names of events that have listeners now which they had not `before`. */
function added(before: Listeners, now: Listeners): string[] {
  return [...now].flatMap(([name, functions]) =>
    functions.filter((each) => !before.get(name)?.includes(each)).map(() => String(name)),
  );
}

/** What a session left behind, once its response has closed, on each of the objects it had. */
interface Traces {
  req: string[];
  res: string[];
  socket: string[];
  /** Methods of the response that are still replaced. */
  replaced: string[];
}

/** Serves requests with `handle`, and gathers what is left of each when its response has closed. */
async function traced(handle: (req: IncomingMessage, res: ServerResponse) => unknown) {
  const traces = new Queue<Traces>();
  const server = await listen(
    createServer((req, res) => {
      const { socket } = req;
      const before = [req, res, socket].map(listenersOf) as [Listeners, Listeners, Listeners];
      res.once("close", () =>
        setImmediate(() =>
          traces.put({
            req: added(before[0], listenersOf(req)),
            res: added(before[1], listenersOf(res)),
            socket: added(before[2], listenersOf(socket)),
            replaced: ["write", "end", "writeHead"].filter((name) => Object.hasOwn(res, name)),
          }),
        ),
      );
      return handle(req, res);
    }),
  );
  return { server, traces };
}

async function tracedSessions() {
  const sessions = new Queue<Session>();
  const { server, traces } = await traced(async (req, res) => {
    sessions.put(await createSession(req, res, sessionOptions({ retry: null })));
  });
  return { server, traces, sessions };
}

/** What Node itself leaves when a handler writes by hand. */
async function nodesOwn(requests: number): Promise<Traces[]> {
  const { server, traces } = await traced((_req, res) => {
    res.writeHead(200, { "Content-Type": "text/event-stream" }).write("data:x\n\n");
    setImmediate(() => res.end());
  });
  const client = await RawClient.connect(server.port);
  client.write(requestHead("/").repeat(requests));
  await client.bodyIsWhole(requests - 1);
  return traces.take(requests, "response");
}

describe("a session that has ended", () => {
  it("leaves no more on request, response and socket than Node does, when it was closed", async () => {
    const { server, traces, sessions } = await tracedSessions();
    const client = await RawClient.connect(server.port);
    const bare = (await nodesOwn(1))[0];
    for (let round = 0; round < 3; round++) {
      client.write(requestHead("/"));
      const session = await sessions.next("session");
      session.push(round);
      await session.close();
      await client.bodyIsWhole(round);
      expect(await traces.next("closed response")).toEqual(bare);
    }
  });

  it("leaves as little when its client went", async () => {
    const { server, traces, sessions } = await tracedSessions();
    const client = await RawClient.get(server.port, "/");
    const session = await sessions.next("session");
    session.push("x", "message", "1");
    await client.bodyIncludes("id:1\n");
    await client.destroy();
    await eventually(() => !session.isConnected, "disconnected session");
    const { res, socket, replaced } = await traces.next("closed response");
    expect({ res, socket, replaced }).toEqual({ res: [], socket: [], replaced: [] });
  });

  it("leaves as little on the socket that pipelined requests share", async () => {
    const { server, traces, sessions } = await tracedSessions();
    const bare = await nodesOwn(3);
    const client = await RawClient.connect(server.port);
    client.write(requestHead("/").repeat(3));
    for (const session of await sessions.take(3, "session")) void session.push("x").close();
    await client.bodyIsWhole(2);
    const closed = await traces.take(3, "closed response");
    // Sessions whose responses come later still watch it.
    for (const each of [...closed.slice(0, -1), ...bare.slice(0, -1)]) each.socket = [];
    expect(closed).toEqual(bare);
  });
});

import { once } from "node:events";
import { createServer as createH2cServer } from "node:http2";
import {
  normalHeaders,
  normalId,
  normalStream,
  readResponse,
  type Sse,
  visit,
  visitMany,
} from "./compat-kit.ts";
import { clients, listen, Queue, sessionOptions, turns, within } from "./harness.ts";

type App = (sse: Sse) => Promise<unknown>;

const aRequest = (init?: RequestInit) => new Request("http://localhost/path?query=1", init);

/** What the first bytes of a body that stays open hold, once they include `text`. */
async function readUntil(response: Response, text: string) {
  const reader = response.body?.getReader() as ReadableStreamDefaultReader<Uint8Array>;
  const decoder = new TextDecoder();
  let body = "";
  while (!body.includes(text)) {
    const { done, value } = await within(reader.read(), `body with ${text}`);
    if (done) break;
    body += decoder.decode(value, { stream: true });
  }
  return {
    reader,
    status: response.status,
    headers: normalHeaders(response.headers),
    body: normalStream(body),
  };
}

/** Applications written against better-sse's documentation of channels. */
export const channelApps: Record<string, App> = {
  "broadcasts to all, to some, and no more to those deregistered": ({
    createSession,
    createChannel,
  }) => {
    const channel = createChannel({ state: { topic: "news" } });
    const log: unknown[] = [];
    channel.on("session-registered", () => log.push("registered"));
    channel.on("session-deregistered", () => log.push("deregistered"));
    channel.on("broadcast", (data, name, id) => log.push([data, name, normalId(id)]));
    return visitMany(
      3,
      (req, res) => createSession(req, res, sessionOptions({ state: { path: req.url } })),
      ([first, second, third]) => {
        if (!first || !second || !third) throw new Error("three sessions expected");
        channel.register(first).register(second).register(first).register(third);
        const { activeSessions } = channel;
        log.push(activeSessions.length, activeSessions.includes(first), channel.sessionCount);
        channel.broadcast("A user has joined.", "join-notification");
        channel.broadcast({ to: "some" }, "some", {
          eventId: "own",
          filter: (session) => session.state.path !== "/1",
        });
        log.push(first.lastId, normalId(second.lastId), third.lastId);
        channel.deregister(second).deregister(second);
        channel.broadcast("to the rest");
        second.push("alone", "alone", "4");
        log.push(channel.sessionCount, normalId(first.lastId), second.lastId, channel.state);
        return log;
      },
    );
  },

  "hears of broadcasts by a session's push event": ({ createSession, createChannel }) =>
    visitMany(
      2,
      (req, res) => createSession(req, res, sessionOptions()),
      ([first, second]) => {
        if (!first || !second) throw new Error("two sessions expected");
        const log: unknown[] = [];
        const channel = createChannel().register(first).register(second);
        first.on("push", (data, name, id) => log.push([data, name, normalId(id)]));
        channel.broadcast("x", "tick", { eventId: "1" });
        first.push("y", "own", "2");
        channel.deregister(first);
        channel.broadcast("z", "tick", { eventId: "3" });
        return [log, first.lastId, second.lastId];
      },
    ),

  "loses sessions that disconnect": ({ createSession, createChannel, SseError }) =>
    visitMany(
      2,
      (req, res) => createSession(req, res, sessionOptions()),
      async ([first, second], [client]) => {
        if (!first || !second || !client) throw new Error("two sessions expected");
        const log: unknown[] = [];
        const channel = createChannel().register(first).register(second);
        channel.on("session-disconnected", (session) =>
          log.push(["disconnected", session === first]),
        );
        channel.on("session-deregistered", (session) =>
          log.push(["deregistered", session === first]),
        );
        const { signal } = first.getRequest();
        const gone = once(first, "disconnected");
        await client.destroy();
        await within(gone, "disconnect");
        log.push(first.isConnected, channel.sessionCount, signal.aborted);
        channel.broadcast("still here", "message", { eventId: "1" });
        for (const act of [() => first.push("late"), () => channel.register(first)]) {
          try {
            act();
          } catch (error) {
            log.push([error instanceof SseError, error instanceof Error]);
          }
        }
        return log;
      },
    ),
};

/** Applications written against the documentation of event buffers, Fetch and custom connections. */
export const otherApps: Record<string, App> = {
  "writes fields into an event buffer": async ({ createEventBuffer, EventBuffer }) => {
    const buffer = createEventBuffer();
    const { push, data, id, retry, comment, dispatch, clear, read } = buffer;
    buffer.event("named").id("1").data({ a: 1 }).dispatch();
    id().data("no id").dispatch();
    retry(100);
    comment();
    comment("text").dispatch();
    push("pushed").push("named", "n").push("with id", "n", "i");
    data("detached");
    dispatch();
    const first = normalStream(read());
    clear();
    const own = new EventBuffer({ serializer: String, sanitizer: (text) => text.toUpperCase() });
    return [first, read(), normalStream(own.push("shout", "name", "id").comment("c").read())];
  },

  "answers a Request": async ({ createResponse }) => {
    const push = (session: { push(data: unknown): unknown }) => void session.push("Hello");
    const given = () => new Response(null, { status: 201, headers: { "x-given": "1" } });
    const options = sessionOptions({ retry: 1, headers: { "x-own": "2" } });
    const responses = [
      createResponse(aRequest(), push),
      createResponse(aRequest(), options, push),
      createResponse(aRequest(), given(), push),
      createResponse(aRequest(), given(), options, push),
    ];
    const read = [];
    for (const response of responses) {
      const { reader, ...seen } = await readUntil(response, "Hello");
      read.push(seen);
      await reader.cancel().catch(() => {});
    }
    return read;
  },

  "makes a session of a Request": async ({ createSession }) => {
    const controller = new AbortController();
    const request = aRequest({ headers: { "Last-Event-ID": "7" }, signal: controller.signal });
    const session = await createSession(request, sessionOptions());
    const log: unknown[] = [session.isConnected, session.lastId, session.getRequest() === request];
    session.once("connected", () => session.push("connected", "message", "8"));
    session.once("disconnected", () => log.push("disconnected"));
    const { reader, ...seen } = await readUntil(session.getResponse(), "connected");
    log.push(session.isConnected, session.lastId);
    controller.abort();
    await turns(3);
    log.push(session.isConnected);
    await reader.cancel().catch(() => {});
    return [seen, log];
  },

  "brings a connection of its own": async ({ Connection, createSession }) => {
    const log: unknown[] = [];
    const controller = new AbortController();
    class OwnConnection extends Connection {
      url = new URL("http://localhost/?lastEventId=5");
      request = new Request(this.url, { signal: controller.signal });
      response = new Response(null, { status: 200 });
      sent = "";
      sendHead() {
        log.push("head");
      }
      sendChunk(chunk: string) {
        this.sent += chunk;
      }
      cleanup() {
        log.push("cleanup");
      }
    }
    const connection = new OwnConnection();
    const session = await createSession(connection, { keepAlive: null });
    session.on("disconnected", () => log.push("disconnected"));
    log.push(session.isConnected, session.lastId, session.getRequest() === connection.request);
    session.push("Hello", "named", "6");
    await session.batch((buffer) => void buffer.push("batched", "b", "7"));
    await turns(3);
    controller.abort();
    await turns(3);
    return [normalStream(connection.sent), log, session.isConnected, session.lastId];
  },

  "uses a built-in connection by hand": ({ NodeHttp1Connection, Connection, createSession }) =>
    visit(async (req, res) => {
      const connection = new NodeHttp1Connection(req, res, {
        statusCode: 202,
        headers: { "x-own": "1" },
      });
      const session = await createSession(connection, sessionOptions({ retry: 5 }));
      session.push("Hello");
      return [
        connection instanceof Connection,
        connection.url.pathname,
        connection.response.status,
      ];
    }),

  "uses the tools for connections": async ({ Connection, FetchConnection }) => {
    const headers = new Headers({ a: "1", b: "2", c: "3" });
    Connection.applyHeaders({ a: "new", b: undefined, d: ["4", "5"] }, headers);
    const { REQUEST_METHOD, REQUEST_HOST, RESPONSE_CODE, RESPONSE_HEADERS } = Connection.constants;
    const request = aRequest();
    const connection = new FetchConnection(request, null, { statusCode: 203 });
    return [
      Object.fromEntries(headers),
      [REQUEST_METHOD, REQUEST_HOST, RESPONSE_CODE, RESPONSE_HEADERS["Content-Type"]],
      [connection.request === request, connection.url.href, connection.response.status],
    ];
  },

  "runs on HTTP/2": async ({ createSession }) => {
    const log = new Queue<unknown>();
    const server = await listen(
      createH2cServer(async (req, res) => {
        const session = await createSession(
          req,
          res,
          sessionOptions({ headers: { "x-own": "1" } }),
        );
        session.on("disconnected", () => log.put(["disconnected", session.isConnected]));
        const request = session.getRequest();
        session.push("Hello", "named", "1");
        log.put([request.method, new URL(request.url).pathname, session.lastId]);
      }),
    );
    const http2 = clients.find(({ name }) => name === "http2");
    const stream = await http2?.open(`${server.origin}/path`, "h2c");
    const event = await stream?.events.next("event");
    const kept = normalHeaders(Object.entries(stream?.headers ?? {}));
    stream?.close();
    return [event, kept, await log.take(2)];
  },

  "lets response readers see a whole body": async ({ createResponse }) => {
    const controller = new AbortController();
    const response = createResponse(
      aRequest({ signal: controller.signal }),
      sessionOptions(),
      async (session) => {
        await session.iterate([1, 2]);
        controller.abort();
      },
    );
    return readResponse(response);
  },
};

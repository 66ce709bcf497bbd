import { EventEmitter, once } from "node:events";
import { Readable } from "node:stream";
import { type Exchange, normalId, type Sse, visit } from "./compat-kit.ts";
import { sessionOptions } from "./harness.ts";

/** Applications written against better-sse's documentation of sessions; each says what it observed. */
export const sessionApps: Record<string, (sse: Sse) => Promise<unknown>> = {
  "pushes events and ends the response": ({ createSession }) =>
    visit(async (req, res) => {
      const session = await createSession(req, res, sessionOptions());
      session.push("Hello world!", "message");
      session.push({ nested: [1, "two\nlines", null] });
      const same = session.push("three", "named", "id-3") === session;
      return [same, session.lastId, session.isConnected, session instanceof EventEmitter];
    }),

  "gives its own retry, status code, headers and state": ({ createSession }) =>
    visit(async (req, res) => {
      res.setHeader("X-Earlier", "kept");
      const session = await createSession(
        req,
        res,
        sessionOptions({
          retry: 500,
          statusCode: 201,
          headers: { "X-Own": "1", "x-accel-buffering": undefined },
          state: { user: "ada" },
        }),
      );
      const state = session.state as Record<string, unknown>;
      state.count = 1;
      return [session.state, res.headersSent, res.statusCode];
    }),

  "sends no retry, and has an empty state by default": ({ createSession }) =>
    visit(async (req, res) => {
      const session = await createSession(
        req,
        res,
        sessionOptions({ retry: null, keepAlive: null }),
      );
      session.push(null).push(0).push("").push(false);
      return session.state;
    }),

  "resumes after the client's last id": async ({ createSession }) => {
    const lastId =
      (options = {}) =>
      async (...[req, res]: Exchange) =>
        (await createSession(req, res, sessionOptions(options))).lastId;
    const header = { headers: { "Last-Event-ID": "from-header" } };
    return [
      await visit(lastId(), header),
      await visit(lastId(), { path: "/?lastEventId=from-query" }),
      await visit(lastId(), { path: "/?evs_last_event_id=from-polyfill" }),
      await visit(lastId(), { ...header, path: "/?lastEventId=from-query" }),
      await visit(lastId({ trustClientEventId: false }), header),
      await visit(lastId()),
    ];
  },

  "serializes and sanitizes in its own way": ({ createSession }) =>
    visit(async (req, res) => {
      const session = await createSession(
        req,
        res,
        sessionOptions({
          serializer: (data: unknown) => `<${String(data)}>`,
          sanitizer: (text: string) => text.replaceAll("secret", "***"),
        }),
      );
      session.push("my secret", "secret event", "secret id");
      await session.batch((buffer) => void buffer.push("secret batch").comment("secret comment"));
      return session.lastId;
    }),

  "batches events": ({ createSession, createEventBuffer, EventBuffer }) =>
    visit(async (req, res) => {
      const session = await createSession(req, res, sessionOptions());
      const given: unknown[] = [];
      await session.batch((buffer) => {
        given.push(buffer instanceof EventBuffer);
        buffer.push("one", "a", "1").push("two", "b", "2");
      });
      await session.batch(async (buffer) => {
        await buffer.iterate(["My", "huge", "event", "list"]);
        await buffer.stream(Readable.from(["streamed"]), { eventName: "s" });
      });
      const buffer = createEventBuffer().event("own").id("3").data({ x: 1 }).dispatch();
      await session.batch(buffer);
      return [given, buffer.read() !== ""];
    }),

  "streams and iterates": ({ createSession }) =>
    visit(async (req, res) => {
      const session = await createSession(req, res, sessionOptions());
      const web = () => Readable.toWeb(Readable.from(["web", 2])) as ReadableStream;
      async function* generate() {
        yield { n: 1 };
        yield 2;
      }
      return [
        await session.stream(Readable.from([1, 2, 3])),
        await session.stream(Readable.from([Buffer.from("bytes")]), { eventName: "bytes" }),
        await session.stream(web()),
        await session.stream(web(), { eventName: "named" }),
        await session.iterate([1, 2, 3]),
        await session.iterate(new Map([["k", "v"]]), { eventName: "named" }),
        await session.iterate(generate()),
      ];
    }),

  "listens to its own pushes": ({ createSession }) =>
    visit(async (req, res) => {
      const session = await createSession(req, res, sessionOptions());
      const log: unknown[] = [];
      session.on("push", (data, name, id) => log.push([data, name, normalId(id)]));
      session.push({ a: 1 }).push("b", "named").push("c", "named", "mine");
      return [log, session.lastId];
    }),

  "takes methods off the session": ({ createSession, createChannel }) =>
    visit(async (req, res) => {
      const session = await createSession(req, res, sessionOptions());
      const { push, batch, iterate, stream, getRequest, getResponse } = session;
      const { broadcast } = createChannel().register(session);
      push("pushed");
      await batch((buffer) => void buffer.push("batched"));
      await iterate(["iterated"]);
      await stream(Readable.from(["streamed"]));
      broadcast("broadcast");
      return [getRequest().method, getResponse().status];
    }),

  "is constructed by hand and connects later": ({ Session }) =>
    visit(async (req, res) => {
      const session = new Session(req, res, sessionOptions());
      const before = [session.isConnected, res.headersSent];
      await once(session, "connected");
      session.push("connected");
      return [before, session.isConnected, res.headersSent];
    }),

  "looks at its request and response": ({ createSession }) =>
    visit(
      async (req, res) => {
        res.setHeader("X-Earlier", "kept");
        const session = await createSession(
          req,
          res,
          sessionOptions({ headers: { "X-Own": "1" } }),
        );
        const request = session.getRequest();
        const response = session.getResponse();
        const url = new URL(request.url);
        return [
          [request.method, url.pathname, url.search, request.headers.get("x-sent")],
          [request instanceof Request, request.signal.aborted],
          [response instanceof Response, response.status, response.body],
          [response.headers.get("x-own"), response.headers.get("x-earlier")],
          response.headers.get("content-type"),
          session.getRequest() === request,
        ];
      },
      { path: "/path?query=1", headers: { "X-Sent": "yes" } },
    ),

  "serves polyfills": async ({ createSession }) => {
    const handler = async (...[req, res]: Exchange) => {
      (await createSession(req, res, sessionOptions())).push("x");
    };
    const visits = [
      await visit(handler, { path: "/?padding" }),
      await visit(handler, { path: "/?evs_preamble=1" }),
    ];
    return visits.map(({ body }) => ({
      ...body,
      comments: body.comments.map((comment) => comment.length >= 2048 && comment.trim() === ""),
    }));
  },

  "keeps a silent connection alive": ({ createSession }) =>
    visit(async (req, res) => {
      await createSession(req, res, sessionOptions({ keepAlive: 20, retry: null }));
      await new Promise((resolve) => setTimeout(resolve, 150));
    }).then(({ body }) => ({
      events: body.events,
      alive: body.comments.length >= 2,
      all: new Set(body.comments),
    })),

  "is refused for objects that are none": async ({ Session, SseError }) => {
    const make = Session as unknown as new (...args: unknown[]) => unknown;
    return [[], [{}, {}], [new Request("http://localhost/"), {}, {}]].map((args) => {
      try {
        return String(new make(...args));
      } catch (error) {
        return [error instanceof SseError, error instanceof Error];
      }
    });
  },
};

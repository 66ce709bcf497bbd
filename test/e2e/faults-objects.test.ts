import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import {
  createResponse,
  createSession,
  Session,
  type SessionOptions,
  SseError,
} from "../../lib/index.ts";
import {
  deferred,
  errorOf,
  listen,
  RawClient,
  sessionOptions,
  strayErrors,
  within,
} from "./harness.ts";

type AnySession = (req: unknown, res?: unknown, options?: unknown) => Promise<Session>;
const anySession = createSession as unknown as AnySession;
const anyResponse = createResponse as unknown as (...args: unknown[]) => Response;

const aRequest = () => new Request("http://localhost/");

describe("request and response objects that are none", () => {
  it.each([
    ["nothing", undefined, undefined],
    ["null", null, null],
    ["empty objects", {}, {}],
    ["strings", "request", "response"],
    ["numbers", 1, 2],
    ["functions", () => {}, () => {}],
    ["a response without a request", undefined, new Response()],
    ["a half of one", { method: "GET", url: "/", headers: {} }, undefined],
  ])("are an SseError that says what is expected: %s", async (_name, req, res) => {
    for (const make of [
      () => anySession(req, res),
      () => new (Session as unknown as new (...args: unknown[]) => Session)(req, res),
      () => anyResponse(req, () => {}),
    ]) {
      const error = await errorOf(make);
      expect(error).toBeInstanceOf(SseError);
      expect(error.code).toBe("invalid-argument");
      expect(error.message).toMatch(/IncomingMessage.*ServerResponse/s);
      expect(error.message).toMatch(/Request/);
    }
  });

  it("are an SseError when a Node request comes with no, or another kind of, response", async () => {
    const outcome = deferred<(Error & { code?: string })[]>();
    const server = await listen(
      createServer(async (req, res) => {
        const errors: Error[] = [];
        for (const other of [undefined, {}, new Response(), req]) {
          errors.push(await errorOf(() => anySession(req, other)));
        }
        errors.push(await errorOf(() => anySession(aRequest(), res)));
        res.end("still usable");
        outcome.resolve(errors);
      }),
    );
    const client = await RawClient.get(server.port, "/");
    for (const error of await within(outcome.promise, "outcome")) {
      expect(error).toBeInstanceOf(SseError);
      expect(error.code).toBe("invalid-argument");
    }
    await client.bodyIsWhole();
    expect(client.body).toBe("still usable");
  });

  it("are an SseError when createResponse gets no callback", async () => {
    for (const args of [[aRequest()], [aRequest(), {}], [aRequest(), new Response(), {}, 1]]) {
      const error = await errorOf(() => anyResponse(...args));
      expect(error).toBeInstanceOf(SseError);
      expect(error.code).toBe("invalid-argument");
      expect(error.message).toMatch(/callback/);
    }
  });
});

describe("options that are out of range", () => {
  const bad: [keyof SessionOptions, unknown[]][] = [
    ["retry", [-1, 1.5, Number.NaN, "1"]],
    ["keepAlive", [-1, Number.NaN, "10", Number.POSITIVE_INFINITY]],
    ["maxBufferedBytes", [0, -1, Number.NaN, "1", 1.5]],
    ["slowConsumer", ["wait", 1, null]],
    ["writeTimeout", [-1, Number.NaN, "1"]],
    ["eventId", ["uuid", 1, true]],
    ["transport", ["udp", 1, null]],
    ["serializer", ["json", {}]],
    ["sanitizer", ["strip", 1]],
    ["headers", ["a: b", 1, [["a", "b"]], new Map([["a", "b"]]), new URLSearchParams("a=b")]],
  ];

  it.each(bad)("are an SseError that names %s and the value given", async (option, values) => {
    for (const value of values) {
      const error = await errorOf(() => anyResponse(aRequest(), { [option]: value }, () => {}));
      expect(error).toBeInstanceOf(SseError);
      expect(error.code).toBe("invalid-option");
      expect(error.message).toContain(option);
      if (typeof value !== "object") expect(error.message).toContain(String(value));
    }
  });
});

/** A node:http server that gives what `wrap` makes of its objects to createSession. */
async function servedThrough(
  wrap: (req: IncomingMessage, res: ServerResponse) => [unknown, unknown],
) {
  const made = deferred<Session>();
  const left = deferred<{ reason: string }>();
  const server = await listen(
    createServer(async (req, res) => {
      const session = await anySession(...wrap(req, res), sessionOptions({ retry: null }));
      session.on("disconnected", left.resolve);
      session.push("hello", "message", "1");
      made.resolve(session);
    }),
  );
  const client = await RawClient.get(server.port, "/path?query=1", { headers: { "X-A": "b" } });
  return { client, session: await within(made.promise, "session"), left: left.promise };
}

describe("objects that only look like Node's", () => {
  const wrappers: Record<string, Parameters<typeof servedThrough>[0]> = {
    "with the request behind a Proxy": (req, res) => [new Proxy(req, {}), res],
    "behind a Proxy that binds methods": (req, res) => {
      const get = (target: object, name: string | symbol) => {
        const value = Reflect.get(target, name, target);
        return typeof value === "function" ? value.bind(target) : value;
      };
      return [new Proxy(req, { get }), new Proxy(res, { get })];
    },
    "with a prototype of another realm": (req, res) => {
      const graft = runInNewContext(`(object) => {
        const chain = [];
        for (let at = object; at; at = Object.getPrototypeOf(at)) chain.push(at);
        const copy = {};
        for (const level of chain.slice(1, -1).reverse())
          Object.defineProperties(copy, Object.getOwnPropertyDescriptors(level));
        Object.setPrototypeOf(object, copy);
        return object;
      }`) as <T>(object: T) => T;
      return [graft(req), graft(res)];
    },
  };

  it.each(Object.entries(wrappers))("work %s", async (_name, wrap) => {
    const strays = strayErrors();
    const { client, session, left } = await servedThrough(wrap);
    await client.bodyIncludes("\n\n");
    expect(client.body).toBe('id:1\ndata:"hello"\n\n');
    expect(session.getRequest().headers.get("x-a")).toBe("b");
    expect(new URL(session.getRequest().url).search).toBe("?query=1");
    await client.destroy();
    expect(await within(left, "disconnect")).toMatchObject({ reason: "client-closed" });
    expect(await strays()).toEqual([]);
  });

  it("work to their end without the request's socket", async () => {
    const strays = strayErrors();
    const { client, session } = await servedThrough((req, res) => {
      const { method, url, headers, httpVersion } = req;
      return [{ method, url, headers, httpVersion }, res];
    });
    await within(session.close(), "end of the session");
    await client.bodyIsWhole();
    expect(client.body).toBe('id:1\ndata:"hello"\n\n');
    expect(await strays()).toEqual([]);
  });

  it("work as a Fetch Request of another implementation", async () => {
    const undici = (await import("undici")) as unknown as { Request: typeof Request };
    const request = new undici.Request("http://localhost/x?y=1", {
      headers: { "Last-Event-ID": "5" },
    });
    expect(request).not.toBeInstanceOf(Request);
    const lastIds: string[] = [];
    const response = createResponse(request, sessionOptions({ retry: null }), (session) => {
      lastIds.push(session.lastId);
      session.push("x", "message", "6");
      void session.close();
    });
    expect(await within(response.text(), "whole body")).toBe('id:6\ndata:"x"\n\n');
    expect(lastIds).toEqual(["5"]);
  });
});

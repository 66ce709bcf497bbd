import { createServer as createH2cServer } from "node:http2";
import { describe, expect, it } from "vitest";
import { createResponse, createSession, type SessionOptions, SseError } from "../../lib/index.ts";
import { clients, errorOf, listen, RawClient, requestHead, sessionOptions } from "./harness.ts";
import type { RawResponse } from "./http1.ts";
import type { Ask } from "./raw.ts";
import { serveSessions } from "./serve.ts";

const ownHeaders = {
  "content-type": "text/event-stream",
  "cache-control": "no-cache, no-transform",
  "x-accel-buffering": "no",
};

/** The head that a raw HTTP/1 client reads from a session with `options`. */
async function headOf(options: SessionOptions, ask: Ask = {}) {
  const server = await serveSessions(options);
  const client = await RawClient.get(server.port, "/", ask);
  await client.until(({ response }) => response !== undefined, "response head");
  return { ...server, client, response: client.response as RawResponse };
}

describe("the response head", () => {
  it("has the defaults that keep proxies and compressors from holding events back", async () => {
    const { response } = await headOf({});
    expect(response.statusLine).toBe("HTTP/1.1 200 OK");
    const { date, "keep-alive": _ignored, ...headers } = response.headers;
    expect(headers).toEqual({
      ...ownHeaders,
      connection: "keep-alive",
      "transfer-encoding": "chunked",
    });
    expect(Number.isNaN(Date.parse(date ?? ""))).toBe(false);
  });

  it("is sent at once, before any event", async () => {
    const { client, sessions } = await headOf({ retry: null, keepAlive: null });
    const session = await sessions.next("session");
    expect(session.isConnected).toBe(true);
    expect(client.body).toBe("");
  });

  it("takes the application's headers over its own, whatever their case", async () => {
    const headers = { "cache-control": "private", "X-Custom": "yes", "Set-Cookie": ["a=1", "b=2"] };
    const { client, response } = await headOf({ headers });
    expect(response.headers).toMatchObject({ "cache-control": "private", "x-custom": "yes" });
    expect(client.text).not.toContain("no-transform");
    expect(client.text.match(/^set-cookie: .*$/gim)?.map((line) => line.slice(12))).toEqual([
      "a=1",
      "b=2",
    ]);
  });

  it("takes Headers of any implementation, with all their cookies", async () => {
    const undici = (await import("undici")) as unknown as { Headers: typeof Headers };
    for (const headers of [
      new Headers({ "X-Own": "yes" }),
      new undici.Headers({ "X-Own": "yes" }),
    ]) {
      headers.append("Set-Cookie", "a=1");
      headers.append("Set-Cookie", "b=2");
      const { client, response } = await headOf({ headers });
      expect(response.headers).toMatchObject({ ...ownHeaders, "x-own": "yes" });
      expect(client.text.match(/^set-cookie: .*$/gim)?.map((line) => line.slice(12))).toEqual([
        "a=1",
        "b=2",
      ]);
      const made = createResponse(new Request("http://x/"), { headers }, () => {});
      expect(made.headers.get("x-own")).toBe("yes");
      expect(made.headers.getSetCookie()).toEqual(["a=1", "b=2"]);
      await made.body?.cancel();
    }
  });

  it("leaves out a header given as undefined", async () => {
    const headers = { "X-Accel-Buffering": undefined, "cache-control": undefined };
    const { response } = await headOf({ headers });
    expect(response.headers).not.toHaveProperty("x-accel-buffering");
    expect(response.headers).not.toHaveProperty("cache-control");
    expect(response.headers).toHaveProperty("content-type", "text/event-stream");
  });

  it("keeps what was set on the response before, below the options", async () => {
    const server = await serveSessions({ headers: { "x-a": "option" } }, (_req, res) => {
      res.setHeader("X-A", "earlier");
      res.setHeader("X-B", "earlier");
      res.setHeader("Cache-Control", "no-store");
      res.setHeader("Set-Cookie", ["c=1", "d=2"]);
    });
    const client = await RawClient.get(server.port, "/");
    await client.until(({ response }) => response !== undefined, "response head");
    expect(client.response?.headers).toMatchObject({
      "x-a": "option",
      "x-b": "earlier",
      "cache-control": "no-store",
      "content-type": "text/event-stream",
    });
    expect(client.text.match(/^set-cookie: /gim)).toHaveLength(2);
  });

  it("says close when the connection will not be kept", async () => {
    const { response } = await headOf({}, { headers: { Connection: "close" } });
    expect(response.headers.connection).toBe("close");
  });

  it("has the status that was asked for", async () => {
    const { response } = await headOf({ statusCode: 201 });
    expect(response.status).toBe(201);
  });

  it.each([
    ["a value with a line end", { "X-Evil": "a\r\nSet-Cookie: b=1" }],
    ["a name with a space", { "X Evil": "a" }],
  ])("refuses %s, and the request can still be answered", async (_name, headers) => {
    const server = await serveSessions({ headers });
    const client = await RawClient.get(server.port, "/");
    await client.bodyIsWhole();
    const error = await server.errors.next("error");
    expect(error).toBeInstanceOf(SseError);
    expect(error.code).toBe("invalid-header");
    expect(client.response?.status).toBe(500);
    expect(client.text.toLowerCase()).not.toContain("set-cookie");
  });

  it.each([99, 600.5, 1000, "200", Number.NaN])(
    "refuses the status code %s",
    async (statusCode) => {
      const server = await serveSessions({ statusCode: statusCode as number });
      const client = await RawClient.get(server.port, "/");
      const error = await server.errors.next("error");
      expect(error).toBeInstanceOf(SseError);
      expect(error.code).toBe("invalid-option");
      expect(error.message).toContain("statusCode");
      await client.destroy();
    },
  );

  it("cannot be sent twice: a response already under way is refused", async () => {
    const server = await serveSessions({}, (_req, res) => res.writeHead(200).write("own"));
    const client = await RawClient.get(server.port, "/");
    const error = await server.errors.next("error");
    expect(error).toBeInstanceOf(SseError);
    expect(error.code).toBe("headers-sent");
    await client.bodyIsWhole();
    expect(client.body).toBe("own");
  });
});

describe("the body on the wire", () => {
  it("is the retry field first, then events as they are pushed, byte by byte", async () => {
    const { client, sessions } = await headOf({ keepAlive: null });
    const session = await sessions.next("session");
    session.push({ a: 1 }, "update", "7").push("two\n", "message", "8").push(" x", "é", "9");
    await client.bodyIncludes("id:9");
    await session.close();
    await client.bodyIsWhole();
    expect(client.body).toBe(
      'retry:2000\n\nevent:update\nid:7\ndata:{"a":1}\n\nid:8\ndata:"two\\n"\n\nevent:é\nid:9\ndata:" x"\n\n',
    );
  });

  it("has no retry field when it is null, another when it is given", async () => {
    const without = await headOf({ retry: null });
    (await without.sessions.next()).push(1, "message", "1");
    await without.client.bodyIncludes("\n\n");
    expect(without.client.body).toBe("id:1\ndata:1\n\n");
    const other = await headOf({ retry: 0 });
    await other.client.bodyIncludes("\n\n");
    expect(other.client.body).toBe("retry:0\n\n");
  });

  it("has no id when eventId is null, and one of the application's when given", async () => {
    const { client, sessions } = await headOf({ eventId: null, retry: null });
    const session = await sessions.next();
    session.push("a").push("b", "named").push("c", "named", "mine");
    await client.bodyIncludes("mine");
    await client.bodyIncludes('"c"\n\n');
    expect(client.body).toBe(
      'data:"a"\n\nevent:named\ndata:"b"\n\nevent:named\nid:mine\ndata:"c"\n\n',
    );
  });

  it("has a comment after each silence of keepAlive ms, and none while events flow", async () => {
    const { client } = await headOf({ keepAlive: 50, retry: null });
    await client.bodyIncludes(":\n\n:\n\n");
    expect(client.body).toMatch(/^(:\n\n)+$/);
  });

  it("has what polyfills need in front of all", async () => {
    const server = await serveSessions({ keepAlive: null });
    for (const query of ["padding=true", "evs_preamble"]) {
      const client = await RawClient.get(server.port, `/?${query}`);
      await client.bodyIncludes("retry:2000\n\n");
      expect(client.body).toMatch(/^: {2048,}\n\nretry:2000\n\n$/);
    }
  });

  it("is in chunks on HTTP/1.1 and can be followed by another request", async () => {
    const { client, sessions } = await headOf({ retry: null });
    const session = await sessions.next();
    session.push(1, "message", "1");
    await session.close();
    await client.bodyIsWhole();
    client.write(requestHead("/"));
    const second = await sessions.next("second session on the connection");
    second.push(2, "message", "2");
    await second.close();
    await client.bodyIsWhole(1);
    const bodies = client.responses.map(({ body }) => body.toString());
    expect(bodies).toEqual(["id:1\ndata:1\n\n", "id:2\ndata:2\n\n"]);
  });

  it("is unframed on HTTP/1.0, as nginx asks by default, and ends with the connection", async () => {
    const { client, response, sessions } = await headOf({ retry: null }, { version: "1.0" });
    expect(response.headers).not.toHaveProperty("transfer-encoding");
    expect(response.headers.connection).not.toBe("keep-alive");
    const session = await sessions.next();
    session.push("x", "e", "1");
    await client.bodyIncludes("\n\n");
    expect(client.body).toBe('event:e\nid:1\ndata:"x"\n\n');
    await session.close();
    await client.ended;
    expect(client.text.endsWith('\r\n\r\nevent:e\nid:1\ndata:"x"\n\n')).toBe(true);
  });
});

describe("a response without a body", () => {
  it("is the head alone for HEAD, and the session ends", async () => {
    const { client, response, disconnects, sessions } = await headOf({}, { method: "HEAD" });
    expect(response.headers).toMatchObject(ownHeaders);
    expect(response.status).toBe(200);
    expect(await disconnects.next()).toMatchObject({ reason: "closed" });
    const session = await sessions.next();
    const error = await errorOf(() => session.push("nobody reads this"));
    expect(error.code).toBe("not-connected");
    client.write(requestHead("/"));
    await client.until(({ responses }) => responses.length === 2, "next response");
    expect(client.responses[1]?.status).toBe(200);
  });

  it.each([204, 205, 304])(
    "is the head alone for status %d, which tells clients to stop",
    async (statusCode) => {
      const { client, response, disconnects } = await headOf({ statusCode });
      expect(response.status).toBe(statusCode);
      expect(await disconnects.next()).toMatchObject({ reason: "closed" });
      await client.bodyIsWhole();
      expect(client.body).toBe("");
    },
  );

  it("stops an EventSource for good with 204", async () => {
    const { port, disconnects } = await serveSessions({ statusCode: 204 });
    const eventSource = clients.find(({ name }) => name === "eventsource");
    const stream = await eventSource?.open(`http://127.0.0.1:${port}/`, "http");
    await stream?.ended;
    expect(stream?.status).toBe(204);
    expect(await disconnects.next()).toMatchObject({ reason: "closed" });
  });
});

describe("the head on other protocols", () => {
  it("has no Connection header on HTTP/2, which forbids it", async () => {
    const server = await listen(
      createH2cServer(async (req, res) => {
        res.setHeader("x-earlier", "1");
        const headers = { Connection: "keep-alive", "X-Own": "2", "keep-alive": "timeout=5" };
        await createSession(req, res, sessionOptions({ headers }));
      }),
    );
    const http2 = clients.find(({ name }) => name === "http2");
    const stream = await http2?.open(`${server.origin}/`, "h2c");
    expect(stream?.headers).toMatchObject({ ...ownHeaders, "x-own": "2", "x-earlier": "1" });
    expect(stream?.headers).not.toHaveProperty("connection");
    expect(stream?.headers).not.toHaveProperty("keep-alive");
  });

  it("is on the Fetch Response: defaults, then the given response's, then the options'", async () => {
    const given = new Response(null, { status: 201, headers: { "x-a": "given", "x-b": "given" } });
    const options = sessionOptions({ headers: { "x-b": "option", "cache-control": undefined } });
    const response = createResponse(new Request("http://localhost/"), given, options, () => {});
    expect(response.status).toBe(201);
    const { "cache-control": _removed, ...kept } = ownHeaders;
    expect(Object.fromEntries(response.headers)).toEqual({
      ...kept,
      "x-a": "given",
      "x-b": "option",
    });
    await response.body?.cancel();
  });
});

import { createServer, get, type IncomingMessage, request, ServerResponse } from "node:http";
import { createSecureServer, connect as http2Connect } from "node:http2";
import { createServer as createHttpsServer } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import compression from "compression";
import express from "express";
import { Agent, request as undiciRequest } from "undici";
import { describe, expect, it, onTestFinished } from "vitest";
import { Connection, createResponse, createSession, type Session } from "../../lib/index.ts";
import {
  certificate,
  listen,
  nextTurn,
  Queue,
  RawClient,
  requestHead,
  sessionOptions,
  within,
} from "./harness.ts";
import { lane } from "./lane.ts";
import { serveSessions } from "./serve.ts";

const plain = { retry: null, eventId: null, serializer: String } as const;

/** Pushes `text`, and ends the session when the client has it. */
async function exchange(client: RawClient, session: Session, text = "hello") {
  session.push(text);
  await client.bodyIncludes(`data:${text}\n\n`);
  await session.close();
  await client.bodyIsWhole();
  return client.body;
}

describe("the engine writes to the socket itself where HTTP/1 is plain", () => {
  it("in chunks to HTTP/1.1", async () => {
    const server = await serveSessions(plain);
    const client = await RawClient.get(server.port, "/");
    const session = await server.sessions.next("session");
    expect(session.transport).toBe(lane);
    expect(await exchange(client, session)).toBe("data:hello\n\n");
    expect(client.response?.headers["transfer-encoding"]).toBe("chunked");
  });

  it.each([
    ["HTTP/1.0", {}],
    ["HTTP/1.0 that asks to keep the connection", { Connection: "keep-alive" }],
  ])("until the end of the connection to %s", async (_name, headers: Record<string, string>) => {
    const server = await serveSessions(plain);
    const client = await RawClient.get(server.port, "/", { version: "1.0", headers });
    const session = await server.sessions.next("session");
    expect(session.transport).toBe(lane);
    session.push("hello").push("you");
    await session.close();
    await within(client.ended, "end of the connection");
    expect(client.body).toBe("data:hello\n\ndata:you\n\n");
    expect(client.response?.headers).not.toHaveProperty("transfer-encoding");
    expect(client.response?.headers.connection).toBe("close");
  });

  it("and closes the connection where the client asks for that", async () => {
    const server = await serveSessions(plain);
    const client = await RawClient.get(server.port, "/", { headers: { Connection: "close" } });
    const session = await server.sessions.next("session");
    expect(session.transport).toBe(lane);
    expect(await exchange(client, session)).toBe("data:hello\n\n");
    await within(client.ended, "end of the connection");
  });

  it("without chunks where the application turns them off", async () => {
    const server = await serveSessions(plain, (_req, res) => {
      res.useChunkedEncodingByDefault = false;
      res.shouldKeepAlive = false;
    });
    const client = await RawClient.get(server.port, "/");
    const session = await server.sessions.next("session");
    expect(session.transport).toBe(lane);
    session.push("hello");
    await session.close();
    await within(client.ended, "end of the connection");
    expect(client.body).toBe("data:hello\n\n");
  });

  it("over a Unix domain socket", async () => {
    const sessions = new Queue<Session>();
    const server = createServer(async (req, res) => {
      sessions.put(await createSession(req, res, sessionOptions(plain)));
    });
    const socketPath = join(tmpdir(), `stream-llm-${process.pid}-${lane}.sock`);
    await new Promise<void>((resolve) => server.listen(socketPath, resolve));
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    const response = await within(
      new Promise<IncomingMessage>((resolve) => get({ socketPath }, resolve)),
      "response",
    );
    const session = await sessions.next("session");
    expect(session.transport).toBe(lane);
    session.push("hello");
    await session.close();
    let body = "";
    for await (const part of response) body += part;
    expect(body).toBe("data:hello\n\n");
  });

  it("after a 100 Continue, and the body of a POST", async () => {
    const sent: string[] = [];
    const server = await serveSessions(plain, async (req) => {
      for await (const part of req) sent.push(String(part));
    });
    const asking = request({
      port: server.port,
      method: "POST",
      headers: { Expect: "100-continue", "Content-Length": 4 },
    });
    const response = new Promise<IncomingMessage>((resolve) => asking.once("response", resolve));
    await within(
      new Promise<void>((resolve) => {
        asking.once("continue", () => {
          asking.end("body");
          resolve();
        });
        asking.flushHeaders();
      }),
      "100 Continue",
    );
    const session = await server.sessions.next("session");
    expect(session.transport).toBe(lane);
    session.push(sent.join(""));
    await session.close();
    let body = "";
    for await (const part of await response) body += part;
    expect(body).toBe("data:body\n\n");
  });
});

describe("bytes go through the response", () => {
  async function isStream(client: RawClient, session: Session) {
    expect(session.transport).toBe("stream");
    expect(await exchange(client, session)).toContain("data:hello\n\n");
  }

  it("where the application asks for it", async () => {
    const server = await serveSessions({ ...plain, transport: "stream" });
    const client = await RawClient.get(server.port, "/");
    await isStream(client, await server.sessions.next("session"));
  });

  it("of a request that was sent behind another, whose response is not over", async () => {
    const server = await serveSessions(plain);
    const client = await RawClient.connect(server.port);
    client.write(requestHead("/1") + requestHead("/2"));
    const [first, second] = (await server.sessions.take(2)) as [Session, Session];
    expect([first.transport, second.transport]).toEqual([lane, "stream"]);
    second.push("second");
    first.push("first");
    await client.bodyIncludes("data:first\n\n");
    for (let turn = 0; turn < 5; turn++) await nextTurn();
    expect(client.text).not.toContain("second");
    await first.close();
    await second.close();
    await client.bodyIsWhole(1);
    expect(client.responses.map(({ body }) => body.toString())).toEqual([
      "data:first\n\n",
      "data:second\n\n",
    ]);
  });

  it("whose length the application has given", async () => {
    const events = "data:hello\n\n";
    const server = await serveSessions({
      ...plain,
      headers: { "Content-Length": String(events.length) },
    });
    const client = await RawClient.get(server.port, "/");
    const session = await server.sessions.next("session");
    await isStream(client, session);
    expect(client.response?.headers).not.toHaveProperty("transfer-encoding");
  });

  it("under compression()", async () => {
    const sessions = new Queue<Session>();
    const app = express().use(compression());
    app.get("/", async (req, res) => {
      sessions.put(await createSession(req, res, sessionOptions(plain)));
    });
    const { port } = await listen(createServer(app));
    const client = await RawClient.get(port, "/", { headers: { "Accept-Encoding": "gzip" } });
    await isStream(client, await sessions.next("session"));
  });

  it.each(["write", "end"] as const)("whose %s some middleware has replaced", async (method) => {
    const server = await serveSessions(plain, (_req, res) => {
      const original = res[method] as (...args: unknown[]) => unknown;
      Object.assign(res, { [method]: (...args: unknown[]) => original.apply(res, args) });
    });
    const client = await RawClient.get(server.port, "/");
    await isStream(client, await server.sessions.next("session"));
  });

  it("of a class that has its own write", async () => {
    class Upper extends ServerResponse {
      override write(...args: unknown[]): boolean {
        const [chunk, ...rest] = args;
        const text = Buffer.from(chunk as Uint8Array).toString();
        return super.write(...([text.toUpperCase(), ...rest] as [string]));
      }
    }
    const sessions = new Queue<Session>();
    const server = await listen(
      createServer({ ServerResponse: Upper }, async (req, res) => {
        sessions.put(await createSession(req, res, sessionOptions(plain)));
      }),
    );
    const client = await RawClient.get(server.port, "/");
    const session = await sessions.next("session");
    expect(session.transport).toBe("stream");
    session.push("hello");
    await client.bodyIncludes("DATA:HELLO\n\n");
  });

  it("whose socket has a write of somebody else's", async () => {
    const written: string[] = [];
    const server = await serveSessions(plain, ({ socket }) => {
      const { write } = socket;
      socket.write = ((...args: unknown[]) => {
        written.push(String(args[0]));
        return (write as (...args: unknown[]) => boolean).apply(socket, args);
      }) as typeof write;
    });
    const client = await RawClient.get(server.port, "/");
    await isStream(client, await server.sessions.next("session"));
    expect(written.join("")).toContain("data:hello\n\n");
  });

  it("over TLS", async () => {
    const sessions = new Queue<Session>();
    const server = await listen(
      createHttpsServer(certificate(), async (req, res) => {
        sessions.put(await createSession(req, res, sessionOptions(plain)));
      }),
      "https",
    );
    const dispatcher = new Agent({ connect: { ca: certificate().cert } });
    onTestFinished(() => dispatcher.destroy());
    const { body } = await undiciRequest(server.origin, { dispatcher });
    const session = await sessions.next("session");
    expect(session.transport).toBe("stream");
    session.push("hello");
    await session.close();
    expect(await body.text()).toBe("data:hello\n\n");
  });

  it("over HTTP/2", async () => {
    const sessions = new Queue<Session>();
    const server = await listen(
      createSecureServer(certificate(), async (req, res) => {
        sessions.put(await createSession(req, res, sessionOptions(plain)));
      }),
      "https",
    );
    const connection = http2Connect(server.origin, { ca: certificate().cert });
    onTestFinished(() => connection.destroy());
    const stream = connection.request({ ":path": "/" }).setEncoding("utf8");
    const session = await sessions.next("session");
    expect(session.transport).toBe("stream");
    session.push("hello");
    await session.close();
    let body = "";
    for await (const part of stream) body += part;
    expect(body).toBe("data:hello\n\n");
  });

  it("of Fetch", async () => {
    const response = createResponse(new Request("http://x/"), sessionOptions(plain), (session) => {
      session.push(session.transport);
      return session.close();
    });
    expect(await response.text()).toBe("data:stream\n\n");
  });

  it("of a Connection of the application's own", async () => {
    class Custom extends Connection {
      url = new URL("http://x/");
      request = new Request(this.url);
      response = new Response();
      sendHead() {}
      sendChunk() {}
      cleanup() {}
    }
    expect((await createSession(new Custom(), sessionOptions(plain))).transport).toBe("stream");
  });
});

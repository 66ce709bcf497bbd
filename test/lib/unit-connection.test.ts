import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createH2cServer } from "node:http2";
import { describe, expect, it } from "vitest";
import {
  Connection,
  createResponse,
  createSession,
  NodeHttp1Connection,
  type Session,
  type SessionOptions,
} from "../../lib/index.ts";
import {
  clients,
  deferred,
  eventually,
  listen,
  nextTurn,
  Queue,
  RawClient,
  turns,
  within,
} from "../e2e/harness.ts";

class OwnConnection extends Connection {
  readonly controller = new AbortController();
  url = new URL("http://localhost/?padding");
  request = new Request(this.url, { signal: this.controller.signal });
  response = new Response("made by the framework");
  readonly log: string[] = [];
  sendHead(): void {
    this.log.push("head");
  }
  sendChunk(chunk: string): void {
    this.log.push(chunk);
  }
  cleanup(): void {
    this.log.push("cleanup");
  }
}

const quiet: SessionOptions = { retry: null, keepAlive: null };

describe("a connection of one's own", () => {
  it("gets the head, then each event whole and at once, then is cleaned up once", async () => {
    const connection = new OwnConnection();
    const session = await createSession(connection, { keepAlive: null });
    expect(connection.log).toEqual(["head", `:${" ".repeat(2049)}\n\nretry:2000\n\n`]);
    session.push("é🎉", "message", "1");
    expect(connection.log.at(-1)).toBe('id:1\ndata:"é🎉"\n\n');
    const large = "x".repeat(300_000);
    session.push(large, "message", "2");
    expect(connection.log.at(-1)).toBe(`id:2\ndata:"${large}"\n\n`);
    await session.batch((buffer) => void buffer.push(3, "message", "3").push(4, "message", "4"));
    expect(connection.log.at(-1)).toBe("id:3\ndata:3\n\nid:4\ndata:4\n\n");
    expect(session.bufferedBytes).toBe(0);
    connection.controller.abort();
    expect(session.isConnected).toBe(false);
    await session.close();
    expect(connection.log.slice(5)).toEqual(["cleanup"]);
  });

  it("gets keep-alives", async () => {
    const connection = new OwnConnection();
    await createSession(connection, { retry: null, keepAlive: 10 });
    await eventually(() => connection.log.includes(":\n\n"), "keep-alive");
    connection.controller.abort();
  });

  it("gives its own response to createResponse", async () => {
    const connection = new OwnConnection();
    const connected = deferred<Session>();
    const response = createResponse(connection, quiet, connected.resolve);
    expect(response).toBe(connection.response);
    const session = await within(connected.promise, "session");
    await session.close();
    expect(connection.log.at(-1)).toBe("cleanup");
  });

  it("that throws when it sends ends its session with the error", async () => {
    const connection = new OwnConnection();
    const session = await createSession(connection, quiet);
    connection.sendChunk = () => {
      throw new Error("cable cut");
    };
    const disconnected = once(session, "disconnected");
    session.push("lost");
    const [event] = await within(disconnected, "disconnect");
    expect(event).toMatchObject({ reason: "connection-error", error: { message: "cable cut" } });
    expect(connection.log).toEqual(["head", `:${" ".repeat(2049)}\n\n`, "cleanup"]);
  });

  it("that throws at the head rejects createSession, and is never connected", async () => {
    const connection = new OwnConnection();
    connection.sendHead = () => {
      throw new Error("no head");
    };
    await expect(createSession(connection, quiet)).rejects.toThrow("no head");
    expect(connection.log).toEqual(["cleanup"]);
  });
});

/** A session over node:http, its raw client and its response. */
async function open(
  options: SessionOptions,
  make: (req: IncomingMessage, res: ServerResponse) => Promise<Session> = (req, res) =>
    createSession(req, res, { ...quiet, ...options }),
  read: "get" | "stalled" = "get",
) {
  const sessions = new Queue<Session>();
  const responses: ServerResponse[] = [];
  const server = createServer(async (req, res) => {
    responses.push(res);
    sessions.put(await make(req, res));
  });
  const running = await listen(server);
  const client = await RawClient[read](running.port, "/");
  const session = await sessions.next("session");
  return { server, client, session, res: responses[0] as ServerResponse };
}

describe("a built-in connection with a sendChunk of one's own", () => {
  it("sends by that, and still notices its end", async () => {
    class Loud extends NodeHttp1Connection {
      override sendChunk(chunk: string): void {
        super.sendChunk(chunk.toUpperCase());
      }
    }
    const { client, session } = await open({}, (req, res) =>
      createSession(new Loud(req, res), quiet),
    );
    expect(session.transport).toBe("stream");
    session.push("quiet", "message", "a").push("é", "message", "b");
    await session.close();
    await client.bodyIsWhole();
    expect(client.body).toBe('ID:A\nDATA:"QUIET"\n\nID:B\nDATA:"É"\n\n');
  });
});

describe("what is pushed while the response is written to", () => {
  it("follows what waited before, without another push", async () => {
    const { client, session, res } = await open({ transport: "stream" });
    const { write } = res;
    let written = 0;
    res.write = ((...args: unknown[]) => {
      if (written++ === 0) session.push("inner", "message", "2");
      Reflect.apply(write, res, args);
      return true;
    }) as typeof res.write;
    session.push("x".repeat(100_000), "message", "1");
    await client.bodyIncludes('id:2\ndata:"inner"\n\n');
    expect(session.bufferedBytes).toBe(0);
  });
});

const lanes: SessionOptions[] = [{ transport: "stream" }, { transport: "auto" }];

describe.each(lanes)("a response that the application writes to as well, $transport", (lane) => {
  it("has all in the order of the calls", async () => {
    const { client, session, res } = await open(lane);
    session.push(1, "message", "1");
    res.write(": own\n\n");
    session.push(2, "message", "2");
    res.write(Buffer.from(": öwn\n\n").toString("base64"), "base64");
    const called = deferred<unknown>();
    res.write(": last\n\n", called.resolve as () => void);
    session.push(3, "message", "3");
    res.end(": end\n\n");
    await client.bodyIsWhole();
    expect(client.body).toBe(
      "id:1\ndata:1\n\n: own\n\nid:2\ndata:2\n\n: öwn\n\n: last\n\nid:3\ndata:3\n\n: end\n\n",
    );
    await within(called.promise, "call back of write");
    await eventually(() => !session.isConnected, "end of the session");
  });

  it("is as it was when the session has ended", async () => {
    const { client, session, res } = await open(lane);
    expect(Object.hasOwn(res, "write")).toBe(true);
    await session.close();
    await client.bodyIsWhole();
    expect([Object.hasOwn(res, "write"), Object.hasOwn(res, "end")]).toEqual([false, false]);
    expect(Object.getOwnPropertySymbols(res).map(String).join()).not.toContain("stream-llm");
    for (const name of ["close", "drain", "timeout"]) expect(res.listenerCount(name)).toBe(0);
  });

  it("refuses what Node refuses to write", async () => {
    const { session, res } = await open(lane);
    expect(() => res.write(1 as never)).toThrow(TypeError);
    expect(() => res.write(null as never)).toThrow(TypeError);
    expect(session.isConnected).toBe(true);
  });
});

describe.each(lanes)("a live stream, $transport", (lane) => {
  it("is not ended by server.timeout or socket.setTimeout", async () => {
    const { server, client, session, res } = await open(lane);
    server.timeout = 20;
    res.socket?.setTimeout(20);
    await new Promise((resolve) => setTimeout(resolve, 120));
    expect(session.isConnected).toBe(true);
    session.push("still here", "message", "1");
    await client.bodyIncludes("still here");
  });

  it("says when all has left", async () => {
    const { client, session } = await open(lane);
    await session.drained();
    session.push("x".repeat(10_000), "message", "1");
    // The engine's thread may have sent it by now.
    if (session.transport === "stream") expect(session.bufferedBytes).toBeGreaterThan(10_000);
    await within(session.drained(), "drain");
    expect(session.bufferedBytes).toBe(0);
    await client.bodyIncludes('x"\n\n');
  });

  it("ends by close() within writeTimeout, though its client reads nothing", async () => {
    const limits = { writeTimeout: 200, maxBufferedBytes: 1 << 26 };
    const { session } = await open({ ...lane, ...limits }, undefined, "stalled");
    while (session.bufferedBytes < 1 << 20) {
      session.push("x".repeat(1 << 18));
      await nextTurn();
    }
    await within(session.close(), "end of close()", 5000);
  });
});

describe("drained() over HTTP/2", () => {
  it("resolves when the client has taken all", async () => {
    const sessions = new Queue<Session>();
    const server = await listen(
      createH2cServer(async (req, res) => void sessions.put(await createSession(req, res, quiet))),
    );
    const http2 = clients.find(({ name }) => name === "http2");
    const stream = await http2?.open(`${server.origin}/`, "h2c");
    const session = await sessions.next("session");
    await session.drained();
    for (let round = 0; round < 3; round++) {
      session.push("x".repeat(200_000), "message", String(round));
      await within(session.drained(), "drain");
      expect(session.bufferedBytes).toBe(0);
      expect((await stream?.events.next("event"))?.id).toBe(String(round));
    }
    stream?.close();
    await turns(1);
  });
});

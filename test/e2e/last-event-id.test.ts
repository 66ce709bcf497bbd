import { describe, expect, it } from "vitest";
import { createSession } from "../../lib/index.ts";
import { frameworks, Queue, RawClient, sessionOptions } from "./harness.ts";
import { serveSessions } from "./serve.ts";

/** The session's first lastId for a request whose bytes are exactly these. */
async function lastIdOf(path: string, headerBytes?: Buffer, options = {}) {
  const server = await serveSessions(options);
  const client = await RawClient.connect(server.port);
  client.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n`);
  if (headerBytes) {
    client.write(Buffer.concat([Buffer.from("Last-Event-ID: "), headerBytes, Buffer.from("\r\n")]));
  }
  client.write("\r\n");
  const session = await server.sessions.next("session");
  return session.lastId;
}

const fetchLastId = async (url: string, headers: Record<string, string> = {}, options = {}) => {
  const request = new Request(url, { headers });
  const session = await createSession(request, sessionOptions(options));
  await session.getResponse().body?.cancel();
  return session.lastId;
};

describe("the Last-Event-ID of a client", () => {
  it("is where its session begins", async () => {
    expect(await lastIdOf("/", Buffer.from("abc-123"))).toBe("abc-123");
    expect(await fetchLastId("http://localhost/", { "last-event-id": "abc-123" })).toBe("abc-123");
    expect(await lastIdOf("/")).toBe("");
  });

  it("is UTF-8, as browsers send it", async () => {
    expect(await lastIdOf("/", Buffer.from("é-🎉-ü"))).toBe("é-🎉-ü");
    const latin1 = Buffer.from("é-🎉-ü").toString("latin1");
    expect(await fetchLastId("http://localhost/", { "last-event-id": latin1 })).toBe("é-🎉-ü");
  });

  it("may come in the query, where polyfills put it; the header goes first", async () => {
    expect(await lastIdOf("/?lastEventId=a%20b")).toBe("a b");
    expect(await lastIdOf("/?evs_last_event_id=%F0%9F%8E%89")).toBe("🎉");
    expect(await lastIdOf("/?evs_last_event_id=b&lastEventId=a")).toBe("a");
    expect(await lastIdOf("/?lastEventId=a", Buffer.from("h"))).toBe("h");
    expect(await fetchLastId("http://localhost/?lastEventId=a+b")).toBe("a b");
  });

  it("is not believed when trustClientEventId is false", async () => {
    const options = { trustClientEventId: false };
    expect(await lastIdOf("/?lastEventId=a", Buffer.from("h"), options)).toBe("");
    expect(await fetchLastId("http://localhost/?lastEventId=a", {}, options)).toBe("");
  });

  it.each([
    ["longer than 1024 characters", "x".repeat(1025), ""],
    ["of just 1024 characters", "x".repeat(1024), "x".repeat(1024)],
    ["with NUL", "a\0b", ""],
    ["with a line end", "a\nid:evil", ""],
    ["with a carriage return", "a\rb", ""],
    ["with DEL", "a\x7fb", ""],
    ["with a control character", "a\x1bb", ""],
    ["with a tab", "a\tb", ""],
    ["with a line separator", "a\u2028b", "a\u2028b"],
    ["that is empty", "", ""],
  ])("is ignored when hostile, taken when not: %s", async (_name, id, expected) => {
    const query = `?lastEventId=${encodeURIComponent(id)}`;
    expect(await lastIdOf(`/${query}`)).toBe(expected);
    expect(await fetchLastId(`http://localhost/${query}`)).toBe(expected);
  });

  it("harms nothing when its header bytes are hostile", async () => {
    expect(await lastIdOf("/", Buffer.from("x".repeat(2000)))).toBe("");
    expect(await lastIdOf("/", Buffer.from("a\tb", "latin1"))).toBe("");
    const invalid = await lastIdOf("/", Buffer.from([0x61, 0xff, 0xfe, 0x62]));
    expect(Buffer.from(invalid, "utf8").toString("utf8")).toBe(invalid);
    expect(invalid.length).toBeLessThanOrEqual(1024);
  });

  it.each([
    "/?lastEventId=%",
    "/?%ff=%ff&lastEventId=%ff%fe",
    "//evil.example/?lastEventId=a",
    "/a b?x",
  ])("does not break on a hostile URL: %s", async (path) => {
    const server = await serveSessions({ retry: null });
    const client = await RawClient.get(server.port, path.replace(" ", "%00"));
    const session = await server.sessions.next("session");
    session.push("ok", "message", "1");
    await client.bodyIncludes('"ok"');
  });

  it("does not break on a missing or hostile Host", async () => {
    const server = await serveSessions({ retry: null });
    for (const head of ["GET / HTTP/1.0\r\n\r\n", "GET / HTTP/1.1\r\nHost: :::[ {}\r\n\r\n"]) {
      const client = await RawClient.connect(server.port);
      client.write(head);
      const session = await server.sessions.next("session");
      session.push("ok", "message", "1");
      await client.bodyIncludes('"ok"');
      expect(session.getRequest().method).toBe("GET");
    }
    expect(server.errors.seen).toEqual([]);
  });

  it("is repeated by a client that reconnects", async () => {
    const http = frameworks.find(({ name }) => name === "node:http");
    const lastIds = new Queue<string>();
    const server = await http?.serve(sessionOptions({ retry: 10 }), (session) => {
      lastIds.put(session.lastId);
      session.push("x", "message", `é ${lastIds.seen.length}`);
      void session.close();
    });
    const { EventSource } = await import("eventsource");
    // This client gives header values to fetch, which takes Latin-1 only: bytes as a browser sends them.
    const source = new EventSource(`${server?.origin}/`, {
      fetch: (url, init) => {
        const id = init.headers["Last-Event-ID"];
        const bytes = id && Buffer.from(id, "utf8").toString("latin1");
        return fetch(url, {
          ...init,
          headers: { ...init.headers, ...(bytes && { "Last-Event-ID": bytes }) },
        });
      },
    });
    try {
      expect(await lastIds.take(3, "connection")).toEqual(["", "é 1", "é 2"]);
    } finally {
      source.close();
    }
  });
});

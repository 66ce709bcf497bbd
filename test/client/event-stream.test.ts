import { describe, expect, it, test, vi } from "vitest";
import { openEventStream } from "../../lib/client/index.ts";
import { createChannel } from "../../lib/index.ts";
import { errorOf, eventually, turns } from "../e2e/harness.ts";
import { serveSessions } from "../e2e/serve.ts";
import { serveRaw, watch } from "./streams.ts";

describe("a stream of this package's sessions", () => {
  it("gives what is pushed and broadcast, in order, as it was before it was serialized", async () => {
    const { origin, sessions } = await serveSessions();
    const { events, has, stream } = watch(origin);
    const session = await sessions.next();
    session.push({ text: " é 🎉\n" }, "token", "1").push("plain", "note").push(null).push("");
    createChannel().register(session).broadcast([1, 2], "tick", { eventId: "2" });
    await has(5);
    expect(events).toEqual([
      ["token", { text: " é 🎉\n" }, "1"],
      ["note", "plain", events[1]?.[2]],
      ["message", null, events[2]?.[2]],
      ["message", "", events[3]?.[2]],
      ["tick", [1, 2], "2"],
    ]);
    expect(stream.lastEventId).toBe("2");
  });

  it("resumes with the last id, once each time that the connection breaks", async () => {
    const { origin, sessions, sockets } = await serveSessions({ retry: 1 });
    const { events, states, errors, has } = watch(origin);
    for (const id of ["", "1", "2"]) {
      const session = await sessions.next();
      expect(session.lastId).toBe(id);
      session.push("x", "tick", String(Number(id) + 1));
      await has(Number(id) + 1);
      for (const socket of sockets) socket.destroy();
    }
    await sessions.next();
    expect(events.map(([, , id]) => id)).toEqual(["1", "2", "3"]);
    expect(states.slice(0, 4)).toEqual(["open", "waiting", "connecting", "open"]);
    expect(errors[0]).toMatchObject({ code: "connection-error" });
    expect(errors[0]?.cause).toBeInstanceOf(Error);
  });

  it.each(["é ü", "日本 🎉", "\u0080\u009f", "a b", "%41", "x".repeat(1000)])(
    "resumes with an id of any characters: %j",
    async (id) => {
      const { origin, sessions, sockets } = await serveSessions({ retry: 1 });
      const { has } = watch(origin);
      (await sessions.next()).push("x", "tick", id);
      await has(1);
      for (const socket of sockets) socket.destroy();
      expect((await sessions.next()).lastId).toBe(id);
    },
  );

  it("connects again when the server ends the stream", async () => {
    const { origin, sessions } = await serveSessions({ retry: 1 });
    const { states, stream, is } = watch(origin);
    for (let round = 0; round < 3; round++) {
      const session = await sessions.next();
      session.push("x", "tick", String(round));
      session.close();
    }
    await sessions.next();
    await is("open");
    expect(states.filter((state) => state === "open").length).toBe(4);
    expect(stream.error).toBeUndefined();
  });
});

describe("a request", () => {
  it("asks for an event stream that no cache keeps", async () => {
    const { url, exchanges } = await serveRaw();
    watch(url);
    const { req } = await exchanges.next();
    expect(req.method).toBe("GET");
    expect(req.headers).toMatchObject({ accept: "text/event-stream", "cache-control": "no-cache" });
    expect(req.headers).not.toHaveProperty("last-event-id");
  });

  it("has the method, the body and the headers that are given, each time", async () => {
    const bodies: string[] = [];
    const { url, exchanges } = await serveRaw(async ({ req, stream, res }) => {
      let body = "";
      for await (const chunk of req) body += chunk;
      bodies.push(body);
      stream();
      res.end();
    });
    const headers = { authorization: "Bearer t", "content-type": "application/json" };
    watch(url, { method: "POST", headers, body: '{"room":"é"}', lastEventId: "41" });
    await exchanges.take(2);
    await eventually(() => bodies.length >= 2, "bodies");
    for (const { req } of exchanges.seen.slice(0, 2)) {
      expect(req.method).toBe("POST");
      expect(req.headers).toMatchObject({ ...headers, "last-event-id": "41" });
    }
    expect(bodies.slice(0, 2)).toEqual(['{"room":"é"}', '{"room":"é"}']);
  });

  it("asks a function for its headers each time", async () => {
    const { url, exchanges } = await serveRaw(({ stream, cut }) => {
      stream("data: 1\n\n");
      setImmediate(cut);
    });
    let asked = 0;
    watch(url, { headers: async () => ({ authorization: `Bearer ${++asked}` }) });
    const sent = (await exchanges.take(3)).map(({ req }) => req.headers.authorization);
    expect(sent).toEqual(["Bearer 1", "Bearer 2", "Bearer 3"]);
  });

  it("is repeated at once after a 401, when the function for its headers may have a new token", async () => {
    const { url, exchanges } = await serveRaw(({ req, res, stream }) => {
      if (req.headers.authorization === "Bearer new") stream("data: 1\n\n");
      else res.writeHead(401).end();
    });
    const renewals: boolean[] = [];
    const headers = (renew: boolean) => {
      renewals.push(renew);
      return { authorization: `Bearer ${renew ? "new" : "old"}` };
    };
    const { has, states } = watch(url, { headers, retry: { initialDelay: 1e6 } });
    await has(1);
    expect(renewals).toEqual([false, true]);
    expect(states).not.toContain("waiting");
    expect(exchanges.seen).toHaveLength(2);
  });

  it("is refused by a second 401", async () => {
    const { url, exchanges } = await serveRaw(({ res }) => res.writeHead(401).end("who?"));
    const { is, stream } = watch(url, { headers: () => ({}) });
    await is("closed");
    expect(exchanges.seen).toHaveLength(2);
    expect(stream.error).toMatchObject({
      code: "http-error",
      status: 401,
      message: 'stream-llm: the server answered 401: "who?"',
    });
  });

  it("does not send an id that HTTP cannot carry", async () => {
    const { url, exchanges } = await serveRaw(({ stream, cut }) => {
      stream("id: a\u0001b\ndata: 1\n\n");
      setImmediate(cut);
    });
    watch(url);
    const [, second] = await exchanges.take(2);
    expect(second?.req.headers).not.toHaveProperty("last-event-id");
  });

  it.each([301, 302, 303, 307, 308])(
    "follows a redirect, from the start each time: %i",
    async (status) => {
      const { url, exchanges } = await serveRaw(({ req, res, stream, cut }) => {
        if (req.url === "/events") {
          res.writeHead(status, { location: "/elsewhere" }).end();
          return;
        }
        stream(`id: é\ndata: 1\n\n`);
        setImmediate(cut);
      });
      const { has } = watch(url);
      const urls = (await exchanges.take(4)).map(({ req }) => req.url);
      await has(1);
      expect(urls).toEqual(["/events", "/elsewhere", "/events", "/elsewhere"]);
      const id = Buffer.from("é").toString("latin1");
      expect(exchanges.seen[3]?.req.headers["last-event-id"]).toBe(id);
    },
  );
});

describe("the answer", () => {
  test("204 ends the stream without an error", async () => {
    const { url, exchanges } = await serveRaw(({ stream, cut, res }, index) => {
      if (index > 0) {
        res.writeHead(204).end();
        return;
      }
      stream("id: 1\ndata: 1\n\n");
      setImmediate(cut);
    });
    const { is, stream, events, states } = watch(url);
    await is("closed");
    expect(exchanges.seen).toHaveLength(2);
    expect([stream.error, events]).toEqual([undefined, [["message", 1, "1"]]]);
    expect(states).toEqual(["open", "waiting", "connecting", "closed"]);
  });

  test.each([
    "text/event-stream",
    "text/event-stream;charset=utf-8",
    "TEXT/Event-Stream ; charset=UTF-8; x=y",
    "text/event-stream; charset=windows-1251",
  ])("%s is an event stream, in UTF-8", async (type) => {
    const { url } = await serveRaw(({ stream }) => stream("data: é\n\n", { "content-type": type }));
    const { has, events } = watch(url);
    await has(1);
    expect(events).toEqual([["message", "é", ""]]);
  });

  test.each([
    ["text/html; charset=utf-8", "with text/html; charset=utf-8, not text/event-stream"],
    ["text/event-streams", "with text/event-streams, not text/event-stream"],
    ["text/plain;text/event-stream", "with text/plain;text/event-stream, not text"],
    ["", "with no content-type, not text/event-stream"],
  ])("another content type is an error: %j", async (type, message) => {
    const page = `<!doctype html>\n<title>Sign in</title>${" ".repeat(100_000)}`;
    const { url, exchanges } = await serveRaw(({ res }) => {
      res.writeHead(200, type ? { "content-type": type } : {});
      res.end(page);
    });
    const { is, stream, events } = watch(url);
    await is("closed");
    expect(stream.error).toMatchObject({ code: "not-a-stream", status: 200 });
    expect(stream.error?.message).toContain(`the server answered 200 ${message}`);
    expect(stream.error?.message).toContain(': "<!doctype html>\\n<title>Sign in</title>');
    expect(stream.error?.message.length).toBeLessThan(500);
    expect([exchanges.seen.length, events]).toEqual([1, []]);
  });

  test.each([201, 205, 206, 299, 400, 403, 404, 410, 422])(
    "%i is an error, even with an event stream",
    async (status) => {
      const { url, exchanges } = await serveRaw(({ res }) => {
        res.writeHead(status, { "content-type": "text/event-stream" });
        res.end(status === 205 ? undefined : "data: 1\n\n");
      });
      const { is, stream, events } = watch(url);
      await is("closed");
      const body = status === 205 ? "" : ': "data: 1"';
      expect(stream.error).toMatchObject({
        code: "http-error",
        status,
        message: `stream-llm: the server answered ${status}${body}`,
      });
      expect([exchanges.seen.length, events]).toEqual([1, []]);
    },
  );

  test("an error report that never ends is shown as far as it came", async () => {
    const { url } = await serveRaw(({ res }) => void res.writeHead(404).write("no such room"));
    const { is, stream } = watch(url);
    await is("closed");
    expect(stream.error?.message).toBe('stream-llm: the server answered 404: "no such room"');
  });
});

describe("listeners", () => {
  const open = async () => {
    const { url, exchanges } = await serveRaw();
    const seen = watch(url);
    const exchange = await exchanges.next();
    return { ...seen, write: exchange.stream };
  };

  it("are called for their event, with its data and its id", async () => {
    const { stream, write, has } = await open();
    const calls: unknown[] = [];
    stream.on("a", (data, message) => calls.push([data, message]));
    stream.on("message", (data) => calls.push(data));
    write("event: a\nid: 1\ndata: [1]\n\nevent: b\ndata: 2\n\ndata: text\n\n");
    await has(3);
    expect(calls).toEqual([[[1], { event: "a", data: [1], id: "1" }], "text"]);
  });

  it("are taken off one by one, even in the middle of an event", async () => {
    const { stream, write, has } = await open();
    const calls: string[] = [];
    const listener = () => calls.push("twice");
    stream.onAny(() => {
      calls.push("first");
      off();
    });
    const off = stream.onAny(() => calls.push("off"));
    stream.onAny(listener);
    const second = stream.onAny(listener);
    write("data: 1\n\n");
    await has(1);
    expect(calls.splice(0)).toEqual(["first", "twice", "twice"]);
    second();
    second();
    write("data: 2\n\n");
    await has(2);
    expect(calls).toEqual(["first", "twice"]);
  });

  it("that throw are reported, and nothing else changes", async () => {
    const reported = vi.spyOn(console, "error").mockImplementation(() => {});
    const { stream, write, has, events } = await open();
    const errors = [new Error("one"), new Error("state")];
    stream.on("message", () => {
      throw errors[0];
    });
    stream.onState(() => {
      throw errors[1];
    });
    const later: unknown[] = [];
    stream.on("message", (data) => later.push(data));
    write("data: 1\n\ndata: 2\n\n");
    await has(2);
    expect([events.length, later, stream.state]).toEqual([2, [1, 2], "open"]);
    stream.close();
    const seen = reported.mock.calls.flat();
    expect(seen.filter((error) => error === errors[0])).toHaveLength(2);
    expect(seen).toContain(errors[1]);
    reported.mockRestore();
  });

  it("miss nothing that came before they were there", async () => {
    const { url, exchanges } = await serveRaw();
    const stream = openEventStream(url);
    const exchange = await exchanges.next();
    exchange.stream("data: 1\n\ndata: 2\n\n");
    await eventually(() => stream.state === "open", "open stream");
    await turns(20);
    const { events, has } = watch(url, {}, stream);
    await has(2);
    expect(events.map(([, data]) => data)).toEqual([1, 2]);
    expect(exchanges.seen).toHaveLength(1);
  });
});

describe("the data", () => {
  it("is its JSON, or the text where it is none", async () => {
    const { url, exchanges } = await serveRaw();
    const { has, events } = watch(url);
    (await exchanges.next()).stream(
      'data: {"a":1}\n\ndata: "x"\n\ndata: 1\n\ndata\n\ndata: {"a"\n\ndata: a\ndata: b\n\n',
    );
    await has(6);
    expect(events.map(([, data]) => data)).toEqual([{ a: 1 }, "x", 1, "", '{"a"', "a\nb"]);
  });

  it("is what the function given makes of it; what that throws is reported", async () => {
    const reported = vi.spyOn(console, "error").mockImplementation(() => {});
    const { url, exchanges } = await serveRaw();
    const parse = (text: string, event: string) => {
      if (text === "bad") throw new Error("bad data");
      return `${event}:${text}`;
    };
    const { has, events } = watch(url, { parse });
    (await exchanges.next()).stream("event: e\ndata: 1\n\ndata: bad\n\ndata: 2\n\n");
    await has(2);
    expect(events.map(([, data]) => data)).toEqual(["e:1", "message:2"]);
    expect(reported.mock.calls).toEqual([[new Error("bad data")]]);
    reported.mockRestore();
  });
});

describe("bad options", () => {
  const url = "http://127.0.0.1:9/";

  test.each([
    ["no/url", {}, "invalid-argument", /^stream-llm: the request failed: .*URL/],
    [url, { method: "G T" }, "invalid-argument", /method/],
    [url, { body: "x" }, "invalid-argument", /GET.*body/],
    [url, { headers: { "bad name": "x" } }, "invalid-argument", /header/i],
    [url, { headers: { a: "x\ny" } }, "invalid-argument", /header/i],
    [url, { method: "POST", body: new ReadableStream() as never }, "invalid-argument", /duplex/],
    [url, { heartbeatTimeout: -1 }, "invalid-option", /heartbeatTimeout is -1; it must be/],
    [url, { highWaterMark: 0 }, "invalid-option", /highWaterMark is 0; it must be a number, 1 or/],
    [url, { maxEventChars: 0 }, "invalid-option", /maxEventChars is 0/],
    [url, { retry: { maxRetries: -1 } }, "invalid-option", /maxRetries is -1/],
  ])("%s with %o throw at once: %s", async (address, options, code, message) => {
    const error = await errorOf(() => openEventStream(address, options));
    expect(error).toMatchObject({ name: "SseError", code });
    expect(error.message).toMatch(message);
  });
});

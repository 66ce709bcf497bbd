import { createServer, type ServerResponse } from "node:http";
import { createRequire } from "node:module";
import { createGunzip } from "node:zlib";
import compression from "compression";
import express from "express";
import { describe, expect, it } from "vitest";
import {
  createChannel,
  createSession,
  type Session,
  type SessionOptions,
} from "../../lib/index.ts";
import { listen, Queue, RawClient, sessionOptions, within } from "./harness.ts";

const express4 = createRequire(import.meta.url)("express4") as typeof express;

async function compressed(make: typeof express, options: SessionOptions) {
  const sessions = new Queue<Session>();
  const disconnects = new Queue<{ reason: string }>();
  const app = make();
  app.use(compression({ threshold: 0 }));
  app.get("/events", async (req, res) => {
    const session = await createSession(req, res, sessionOptions({ retry: null, ...options }));
    session.on("disconnected", (how) => disconnects.put(how));
    sessions.put(session);
  });
  const server = await listen(createServer(app));
  const ask = { headers: { "Accept-Encoding": "gzip" } };
  const client = await RawClient.get(server.port, "/events", ask);
  const session = await sessions.next("session");
  return { client, session, disconnects };
}

/** Decompresses a raw client's body as it comes. */
function gunzipped(client: RawClient) {
  const gunzip = createGunzip();
  let text = "";
  gunzip.setEncoding("utf8").on("data", (part: string) => {
    text += part;
  });
  let fed = 0;
  const feed = () => {
    const { parts } = client.response ?? { parts: [] };
    while (fed < parts.length) gunzip.write(parts[fed++]);
  };
  client.socket.on("data", feed);
  feed();
  const includes = async (part: string) => {
    while (!text.includes(part)) {
      await within(new Promise((resolve) => gunzip.once("data", resolve)), `decompressed ${part}`);
    }
  };
  return { includes, text: () => text };
}

const expresses: [string, typeof express][] = [
  ["Express 4", express4],
  ["Express 5", express],
];

describe.each(expresses)("compression() in front, %s", (_name, make) => {
  it("leaves the stream alone, since its head says no-transform", async () => {
    const { client, session } = await compressed(make, {});
    session.push("first", "message", "1");
    await client.bodyIncludes('id:1\ndata:"first"\n\n');
    expect(client.response?.headers).not.toHaveProperty("content-encoding");
  });

  it("passes each event on at once when the application asks for compression", async () => {
    const options = { headers: { "Cache-Control": "no-cache" } };
    const { client, session, disconnects } = await compressed(make, options);
    await client.until(({ response }) => response !== undefined, "response head");
    const body = gunzipped(client);
    session.push("first", "message", "1");
    await body.includes('id:1\ndata:"first"\n\n');
    expect(client.response?.headers["content-encoding"]).toBe("gzip");
    createChannel().register(session).broadcast("second", "message", { eventId: "2" });
    await body.includes('id:2\ndata:"second"\n\n');
    session.push("third", "message", "3");
    await body.includes('id:3\ndata:"third"\n\n');
    await session.close();
    await client.bodyIsWhole();
    expect(body.text()).toBe('id:1\ndata:"first"\n\nid:2\ndata:"second"\n\nid:3\ndata:"third"\n\n');
    expect(await disconnects.next()).toMatchObject({ reason: "closed" });
  });

  it("passes keep-alives on at once too", async () => {
    const options = { headers: { "Cache-Control": "no-cache" }, keepAlive: 30 };
    const { client } = await compressed(make, options);
    await client.until(({ response }) => response !== undefined, "response head");
    await gunzipped(client).includes(":\n\n:\n\n");
  });

  it("is no way around the noticing of a disconnect", async () => {
    const options = { headers: { "Cache-Control": "no-cache" } };
    const { client, session, disconnects } = await compressed(make, options);
    session.push("first");
    await client.until(({ response }) => response !== undefined, "response head");
    await client.destroy();
    expect(await disconnects.next("disconnect")).toMatchObject({ reason: "client-closed" });
    expect(session.isConnected).toBe(false);
  });
});

/** As express-session does: saves the session before the response may end, late and asynchronously. */
function savingMiddleware(calls: string[]) {
  return (_req: unknown, res: ServerResponse, next: () => void) => {
    const { write, end, writeHead } = res;
    res.writeHead = function (this: ServerResponse, ...args: unknown[]) {
      calls.push("writeHead");
      this.setHeader("Set-Cookie", "sid=1");
      return (writeHead as (...args: unknown[]) => ServerResponse).apply(this, args);
    } as typeof res.writeHead;
    res.write = function (this: ServerResponse, ...args: unknown[]) {
      calls.push("write");
      return (write as (...args: unknown[]) => boolean).apply(this, args);
    } as typeof res.write;
    res.end = function (this: ServerResponse, ...args: unknown[]) {
      calls.push("end");
      setImmediate(() => {
        calls.push("saved");
        (end as (...args: unknown[]) => ServerResponse).apply(this, args);
      });
      return this;
    } as typeof res.end;
    next();
  };
}

describe("middleware that replaces the response's methods", () => {
  it("sees the head, every write and one end", async () => {
    const calls: string[] = [];
    const sessions = new Queue<Session>();
    const app = express();
    app.use(savingMiddleware(calls));
    app.get("/events", async (req, res) => {
      sessions.put(await createSession(req, res, sessionOptions({ retry: null })));
    });
    const server = await listen(createServer(app));
    const client = await RawClient.get(server.port, "/events");
    const session = await sessions.next("session");
    for (const id of ["1", "2", "3"]) {
      session.push("x", "message", id);
      await client.bodyIncludes(`id:${id}\n`);
    }
    await session.close();
    await client.bodyIsWhole();
    expect(client.body).toBe('id:1\ndata:"x"\n\nid:2\ndata:"x"\n\nid:3\ndata:"x"\n\n');
    expect(client.response?.headers).toMatchObject({ "set-cookie": "sid=1" });
    expect(calls.filter((call) => call !== "write")).toEqual(["writeHead", "end", "saved"]);
    expect(calls.filter((call) => call === "write").length).toBeGreaterThanOrEqual(3);
  });

  it("does not keep what the application writes from being known to have left", async () => {
    const app = express();
    app.use(savingMiddleware([]));
    const sessions = new Queue<Session>();
    app.get("/events", async (req, res) => {
      const session = await createSession(req, res, sessionOptions({ retry: null }));
      res.write("data: own\n\n");
      res.write("data: too\n\n");
      sessions.put(session);
    });
    const client = await RawClient.get((await listen(createServer(app))).port, "/events");
    const session = await sessions.next("session");
    await within(session.drained(), "drain");
    await client.bodyIncludes("data: own\n\ndata: too\n\n");
  });

  it("that replaces write after set-up sees the events written from then on", async () => {
    const sessions = new Queue<Session>();
    const written: string[] = [];
    const app = express();
    app.get("/events", async (req, res) => {
      const session = await createSession(
        req,
        res,
        sessionOptions({ retry: null, transport: "stream" }),
      );
      session.push("before", "message", "1");
      const { write } = res;
      res.write = ((...args: unknown[]) => {
        written.push(Buffer.from(args[0] as Uint8Array).toString());
        return (write as (...args: unknown[]) => boolean).apply(res, args);
      }) as typeof res.write;
      sessions.put(session);
    });
    const server = await listen(createServer(app));
    const client = await RawClient.get(server.port, "/events");
    const session = await sessions.next("session");
    await client.bodyIncludes("id:1\n");
    session.push("after", "message", "2");
    await client.bodyIncludes("id:2\n");
    expect(written.join("")).toContain('id:2\ndata:"after"\n\n');
  });
});

import { randomBytes } from "node:crypto";
import { createServer } from "node:http";
import {
  createServer as createH2cServer,
  createSecureServer,
  connect as http2Connect,
} from "node:http2";
import { createServer as createHttpsServer } from "node:https";
import type { Server } from "node:net";
import { connect as tlsConnect } from "node:tls";
import compression from "compression";
import express from "express";
import { describe, expect, it, onTestFinished } from "vitest";
import { createSession, type Session, type SessionOptions } from "../../lib/index.ts";
import { StreamingResponse } from "../../lib/streaming/server.ts";
import {
  certificate,
  errorOf,
  eventually,
  listen,
  nextTurn,
  Queue,
  requestHead,
  within,
} from "./harness.ts";
import { RawClient } from "./raw.ts";
import type { Disconnect } from "./serve.ts";

/** Less than what a response of Node's takes before it says that it is full. */
const little = 3000;
/** Does not compress. */
const noise = () => randomBytes(little).toString("base64").slice(0, little);

type Handler = (req: never, res: never) => unknown;
type Protocol = {
  serve(handler: Handler): Server;
  /** Asks, and reads no more than the head. */
  stall(port: number): unknown;
};

function stallHttp2(authority: string) {
  const client = http2Connect(authority, { rejectUnauthorized: false });
  client.on("error", () => {});
  onTestFinished(() => client.destroy());
  client.request({ ":path": "/", "accept-encoding": "gzip" }).on("error", () => {});
}

const ask = { headers: { "Accept-Encoding": "gzip" } };
const protocols: Record<string, Protocol> = {
  "HTTP/1": {
    serve: (handler) => createServer(handler as never),
    stall: async (port) => {
      const client = await RawClient.connect(port, { reading: false });
      client.write(requestHead("/", ask));
    },
  },
  TLS: {
    serve: (handler) => createHttpsServer(certificate(), handler as never),
    stall: (port) => {
      const socket = tlsConnect({ port, host: "127.0.0.1", rejectUnauthorized: false });
      socket.on("error", () => {});
      onTestFinished(() => void socket.destroy());
      socket.write(requestHead("/", ask));
    },
  },
  "HTTP/2": {
    serve: (handler) => createH2cServer(handler as never),
    stall: (port) => stallHttp2(`http://127.0.0.1:${port}`),
  },
  "HTTP/2 over TLS": {
    serve: (handler) => createSecureServer(certificate(), handler as never),
    stall: (port) => stallHttp2(`https://127.0.0.1:${port}`),
  },
};

/** What `make` makes of the request of a client that reads nothing, and how its session ends. */
async function stalled<T extends { session: Session }>(
  { serve, stall }: Protocol,
  make: (req: never, res: never) => T | Promise<T>,
) {
  const made = new Queue<T>();
  const disconnects = new Queue<Disconnect>();
  const server = serve(async (req, res) => {
    const result = await make(req, res);
    result.session.on("disconnected", (how) => disconnects.put(how));
    made.put(result);
  });
  await stall((await listen(server)).port);
  return { ...(await made.next("request")), disconnects };
}

/** Sends a little each time that all has left. Returns the most that waited, and why no more did leave. */
async function feedLittle(session: Session, send: () => void) {
  let most = 0;
  const feed = async () => {
    for (;;) {
      send();
      most = Math.max(most, session.bufferedBytes);
      await session.drained();
    }
  };
  const error = await within(errorOf(feed), "rejection of drained()");
  return { most, error };
}

const keepAlives: [string, number | null][] = [
  ["a keep-alive shorter than writeTimeout", 20],
  ["no keep-alive", null],
];

describe.each(Object.entries(protocols))("a client that stops reading, %s", (_name, protocol) => {
  const open = (options: SessionOptions) =>
    stalled(protocol, async (req, res) => ({
      session: await createSession(req, res, { transport: "stream", ...options }),
    }));

  describe.each(keepAlives)("with %s", (_how, keepAlive) => {
    it("is disconnected by writeTimeout, though it is only a little that waits", async () => {
      const { session, disconnects } = await open({ keepAlive, writeTimeout: 150 });
      const { most, error } = await feedLittle(session, () => session.push(noise()));
      expect(error).toMatchObject({ code: "not-connected" });
      expect(most).toBeLessThan(2 * little);
      expect(await disconnects.next("disconnect")).toMatchObject({ reason: "write-timeout" });
    });

    it("does not hold up iterate(), whose source is told", async () => {
      const options = { keepAlive, writeTimeout: 150, maxBufferedBytes: little };
      const { session, disconnects } = await open(options);
      let returned = 0;
      const endless = {
        [Symbol.iterator]: () => ({
          next: () => ({ done: false, value: noise() }) as const,
          return: () => {
            returned++;
            return { done: true, value: undefined } as const;
          },
        }),
      };
      await within(session.iterate(endless), "end of iterate()");
      expect(returned).toBe(1);
      expect(await disconnects.next("disconnect")).toMatchObject({ reason: "write-timeout" });
    });

    it("is disconnected by writeTimeout, compressed", async () => {
      const { stream, session, disconnects } = await stalled(protocol, (_req, res) => {
        const stream = new StreamingResponse(res, {
          compressionEnabled: true,
          writeTimeout: 150,
          enableHeartbeat: keepAlive !== null,
          heartbeatInterval: keepAlive ?? undefined,
        });
        return { stream, session: stream.session };
      });
      await eventually(() => session.isConnected, "connected session");
      const { most, error } = await feedLittle(session, () => stream.sendToken(noise()));
      expect(error).toMatchObject({ code: "not-connected" });
      expect(most).toBeLessThan(3 * little);
      expect(await disconnects.next("disconnect")).toMatchObject({ reason: "write-timeout" });
      expect(stream.signal.aborted).toBe(true);
    });
  });
});

describe("a client that stops reading behind compression()", () => {
  it("is disconnected by writeTimeout once a keep-alive finds the response not empty", async () => {
    const behind: Protocol = {
      ...(protocols["HTTP/1"] as Protocol),
      serve: (handler) => {
        const app = express();
        app.use(compression({ threshold: 0 }));
        app.get("/", handler as never);
        return createServer(app);
      },
    };
    const headers = { "Cache-Control": "no-cache" };
    const { session, disconnects } = await stalled(behind, async (req, res) => ({
      session: await createSession(req, res, { headers, keepAlive: 20, writeTimeout: 150 }),
    }));
    const feed = async () => {
      while (session.isConnected) {
        if (session.bufferedBytes === 0) session.push(noise());
        await nextTurn();
      }
    };
    await within(feed(), "disconnect");
    expect(await disconnects.next("disconnect")).toMatchObject({ reason: "write-timeout" });
  });
});

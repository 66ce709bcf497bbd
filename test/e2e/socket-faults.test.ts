import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { createChannel, type Session } from "../../lib/index.ts";
import { eventually, nextTurn, RawClient, requestHead, turns, within } from "./harness.ts";
import { lane, onSocketLane } from "./lane.ts";
import { serveSessions } from "./serve.ts";

const plain = { retry: null, eventId: null, serializer: String } as const;
/** More than the system's buffers of a connection hold. */
const flood = 16 << 20;

const descriptors = () => readdirSync("/proc/self/fd").length;

function descriptorOf({ req }: { req: IncomingMessage }): number {
  return (req.socket as unknown as { _handle: { fd: number } })._handle.fd;
}

type Secrets = Awaited<ReturnType<typeof serveSecrets>>;

/** Sessions whose state is the secret that is in the path of their request. */
async function serveSecrets(options = {}) {
  const requests: IncomingMessage[] = [];
  const server = await serveSessions({ ...plain, ...options }, (req) => requests.push(req));
  return { ...server, requests };
}

/** A client with a session, and what it may be sent. */
async function join(server: Secrets, secret: string, reading = true) {
  const client = await RawClient.connect(server.port, { reading });
  client.write(requestHead(`/${secret}`));
  const session = await server.sessions.next("session");
  const req = server.requests.at(-1) as IncomingMessage;
  expect(req.url).toBe(`/${secret}`);
  return { client, session, secret, req };
}

type Joined = Awaited<ReturnType<typeof join>>;

/** Gives the session more than its client takes. */
function overfill({ session, secret }: Joined) {
  const event = `${secret} `.repeat((64 << 10) / (secret.length + 1));
  for (let size = 0; size < flood; size += event.length) session.push(event);
}

/** Fails if the client was sent anything that is not its own. */
function expectOwn({ client, secret }: Joined) {
  const words = new Set(client.body.replaceAll(/data:|\n/g, " ").split(" "));
  words.delete("");
  // The connection may have been cut within a word.
  const isOwn = (word: string) => secret.startsWith(word) || "data:".startsWith(word);
  expect([...words].filter((word) => !isOwn(word))).toEqual([]);
}

/** Clients that read, in a process of their own: this one has to be quick. */
function readElsewhere(port: number, count: number) {
  const program = `
    for (let index = 0; index < ${count}; index++) {
      const socket = require("node:net").connect(${port}, "127.0.0.1").resume();
      socket.on("error", () => {}).write("GET /busy HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n");
    }`;
  const child = spawn(process.execPath, ["-e", program], { stdio: "inherit" });
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
}

/** Holds the event loop up. */
function spin(ms: number) {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

/** Cuts the sessions' sockets, and lets as many new clients in, at once. */
async function replace(server: Secrets, old: Joined[], name: string): Promise<Joined[]> {
  const connecting = old.map(() => RawClient.connect(server.port));
  // The new clients have their own descriptors by then, and the server none for them yet.
  await new Promise((resolve) => process.nextTick(resolve));
  for (const { req } of old) req.socket.destroy();
  const clients = new Map<string, RawClient>();
  for (const [index, client] of (await Promise.all(connecting)).entries()) {
    clients.set(`${name}-${index}-`, client);
    client.write(requestHead(`/${name}-${index}-`));
  }
  const sessions = await server.sessions.take(old.length, "session");
  return server.requests.slice(-old.length).map((req, at) => {
    const secret = (req.url as string).slice(1);
    const client = clients.get(secret) as RawClient;
    return { client, session: sessions[at] as Session, secret, req };
  });
}

describe("a descriptor that is closed and given to another client while events wait", () => {
  it("carries nothing of the one to the other", async () => {
    const server = await serveSecrets({ maxBufferedBytes: 64 << 20 });
    const busy = createChannel(plain);
    readElsewhere(server.port, 60);
    for (const session of await server.sessions.take(60, "session")) busy.register(session);
    let reused = 0;
    for (let round = 0; round < 15; round++) {
      const old: Joined[] = [];
      for (let index = 0; index < 8; index++) {
        const isStalled = index % 2 === 0;
        const joined = await join(server, `old-${round}-${index}-`, !isStalled);
        if (isStalled) overfill(joined);
        old.push(joined);
      }
      await turns(2);
      const numbers = new Set(old.map(descriptorOf));
      // The engine's thread is at work for some ms; what comes last is sent when the sockets are gone.
      busy.broadcast("busy".repeat(64 << 10));
      for (const { session, secret } of old) session.push(secret);
      spin(0.5);
      const fresh = await replace(server, old, `fresh-${round}`);
      reused += fresh.filter((each) => numbers.has(descriptorOf(each))).length;
      for (const { session, secret } of fresh) {
        session.push(secret.repeat(100));
        session.push(secret);
        await session.close();
      }
      for (const { client, secret } of fresh) {
        await client.bodyIsWhole();
        expect(client.body).toBe(`data:${secret.repeat(100)}\n\ndata:${secret}\n\n`);
      }
      for (const each of old) {
        each.client.read();
        await within(each.client.ended, "end of the old connection");
        expectOwn(each);
      }
    }
    expect(reused).toBeGreaterThan(15);
  }, 60_000);
});

describe("a session whose connection breaks", () => {
  const ways: [string, (joined: Joined, res: ServerResponse, server: Secrets) => unknown][] = [
    ["the client resets it in the middle of an event", ({ client }) => client.reset()],
    ["the client closes it", ({ client }) => client.destroy()],
    ["the application destroys the socket", ({ req }) => req.socket.destroy()],
    ["the application resets the socket", ({ req }) => req.socket.resetAndDestroy()],
    ["the application ends the socket", ({ req }) => req.socket.end()],
    ["the application destroys the request", ({ req }) => req.destroy()],
    ["the application destroys the response", (_, res) => res.destroy()],
    ["the server closes all", (_, _res, { server }) => server.closeAllConnections()],
  ];

  it.each(ways)("ends once, unhurt by what waits: %s", async (_name, breakIt) => {
    const server = await serveSecrets({ maxBufferedBytes: 64 << 20 });
    const before = descriptors();
    const joined = await join(server, "secret-");
    const res = server.responses[0] as ServerResponse;
    await joined.client.until(({ response }) => response !== undefined, "head");
    joined.client.socket.pause();
    overfill(joined);
    await turns(3);
    await breakIt(joined, res, server);
    joined.client.socket.resume();
    const { reason } = await server.disconnects.next("disconnect");
    expect(reason).toBe("client-closed");
    expect(joined.session.isConnected).toBe(false);
    expect(joined.session.bufferedBytes).toBe(0);
    await joined.session.close();
    await within(joined.client.ended, "end of the connection");
    expectOwn(joined);
    await server.close();
    await eventually(() => descriptors() < before, "descriptors as before the server's end");
    expect(server.disconnects.seen).toHaveLength(1);
  });

  it("ends when the client will send no more, as the response without a session does", async () => {
    const server = await serveSecrets();
    const { client, session } = await join(server, "secret-");
    session.push("hello");
    await client.bodyIncludes("data:hello\n\n");
    client.socket.end();
    expect(await server.disconnects.next("disconnect")).toMatchObject({ reason: "client-closed" });
    await within(client.ended, "end of the connection");
  });

  it("harms no other session of its channels", async () => {
    const server = await serveSecrets();
    const channel = createChannel({ ...plain });
    const leaving: Joined[] = [];
    const staying: Joined[] = [];
    for (let index = 0; index < 60; index++) {
      const joined = await join(server, `client-${index}`);
      channel.register(joined.session);
      (index % 3 === 0 ? staying : leaving).push(joined);
    }
    const payload = "p".repeat(2000);
    for (let sequence = 0; sequence < 400; sequence++) {
      channel.broadcast(`${sequence} ${payload}`);
      const goes = sequence % 10 === 5 ? leaving.shift() : undefined;
      if (goes) sequence % 20 === 5 ? void goes.client.reset() : goes.req.socket.destroy();
      await nextTurn();
    }
    const expected = Array.from({ length: 400 }, (_, n) => `data:${n} ${payload}\n\n`).join("");
    for (const { client } of staying) {
      await client.bodyIncludes("data:399 ");
      await client.until(({ body }) => body.length >= expected.length, "last event");
      expect(client.body === expected).toBe(true);
    }
    await eventually(() => channel.sessionCount === staying.length + leaving.length, "count");
    const reasons = server.disconnects.seen.map(({ reason }) => reason);
    expect(new Set(reasons)).toEqual(new Set(["client-closed"]));
  });
});

describe("what a session leaves behind", () => {
  it("is nothing: no descriptor, no listener, no handle", async () => {
    const server = await serveSecrets();
    const count = (socket: Socket) =>
      Object.fromEntries(socket.eventNames().map((name) => [name, socket.listenerCount(name)]));
    // One connection has session after session; what is on it before and after is the same.
    const client = await RawClient.connect(server.port);
    const session = async (index: number) => {
      client.write(requestHead(`/${index}`));
      const opened = await server.sessions.next("session");
      expect(opened.transport).toBe(lane);
      opened.push("hello");
      await opened.close();
      await client.bodyIsWhole(index);
      return (server.requests.at(-1) as IncomingMessage).socket;
    };
    await session(0);
    const settled = count(await session(1));
    const handles = process.getActiveResourcesInfo().sort();
    const before = descriptors();
    for (let index = 2; index < 300; index++) await session(index);
    expect(count(await session(300))).toEqual(settled);
    await eventually(() => descriptors() === before, "descriptors as before");
    const kept = process.getActiveResourcesInfo().sort();
    const isTimer = (name: string) => /Timeout|Immediate/.test(name);
    expect(kept.filter((name) => !isTimer(name))).toEqual(handles.filter((name) => !isTimer(name)));
  });

  it.runIf(onSocketLane)("is one descriptor more than Node's while it is open", async () => {
    const server = await serveSecrets();
    await join(server, "first");
    const before = descriptors();
    const { client, session } = await join(server, "second");
    // The client's, Node's, the engine's.
    expect(descriptors() - before).toBe(3);
    await session.close();
    await client.bodyIsWhole();
    await eventually(() => descriptors() - before === 2, "the engine's descriptor closed");
  });
});

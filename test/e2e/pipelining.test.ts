import { createServer, type ServerResponse } from "node:http";
import { describe, expect, it } from "vitest";
import { createSession } from "../../lib/index.ts";
import {
  listen,
  nextTurn,
  RawClient,
  requestHead,
  sessionOptions,
  strayErrors,
  turns,
} from "./harness.ts";

const streamHeaders = {
  "Content-Type": "text/event-stream",
  "Cache-Control": "no-cache, no-transform",
  "X-Accel-Buffering": "no",
  Connection: "keep-alive",
};

/** What Node itself does for handlers that write the same by hand. */
async function plainNode(res: ServerResponse, name: string, pause: number) {
  res.writeHead(200, streamHeaders);
  for (let id = 0; id < 5; id++) {
    res.write(`event:${name}\nid:${id}\ndata:"${name} ${id}"\n\n`);
    await turns(pause);
  }
  res.end();
}

async function serve(ours: boolean, pause: number) {
  const running: Promise<unknown>[] = [];
  const server = await listen(
    createServer((req, res) => {
      const [, kind = "", name = ""] = (req.url ?? "").split("/");
      if (kind === "plain") {
        res.setHeader("Content-Type", "text/plain");
        res.end(`plain ${name}`);
      } else if (!ours) {
        running.push(plainNode(res, name, pause));
      } else {
        running.push(
          (async () => {
            const session = await createSession(req, res, sessionOptions({ retry: null }));
            for (let id = 0; id < 5; id++) {
              session.push(`${name} ${id}`, name, String(id));
              await turns(pause);
            }
            await session.close();
          })(),
        );
      }
    }),
  );
  return { ...server, running };
}

/** Everything but what differs from run to run: the date, and where one chunk ends and the next begins. */
function comparable(client: RawClient) {
  return client.responses.map(
    ({ statusLine, headers: { date: _date, ...headers }, body, whole }) => ({
      statusLine,
      headers,
      body: body.toString(),
      whole,
    }),
  );
}

async function answers(ours: boolean, paths: string[], pause: number) {
  const server = await serve(ours, pause);
  const client = await RawClient.connect(server.port);
  client.write(paths.map((path) => requestHead(path)).join(""));
  await client.bodyIsWhole(paths.length - 1);
  await Promise.all(server.running);
  return comparable(client);
}

describe("pipelined requests in one packet", () => {
  it.each([0, 1, 3])(
    "get whole responses in order, as from plain Node, pausing %d turns",
    async (pause) => {
      const strays = strayErrors();
      const paths = ["/sse/a", "/plain/b", "/sse/c", "/sse/d", "/plain/e"];
      const ours = await answers(true, paths, pause);
      expect(ours.every(({ whole }) => whole)).toBe(true);
      expect(ours).toEqual(await answers(false, paths, pause));
      expect(await strays()).toEqual([]);
    },
  );

  it("keep each session's bytes in its own response while all push at once", async () => {
    const sessions: { push(name: string): void; close(): Promise<void> }[] = [];
    const server = await listen(
      createServer(async (req, res) => {
        const session = await createSession(req, res, sessionOptions({ retry: null }));
        const owner = (req.url ?? "").slice(1);
        sessions.push({
          push: (text) => void session.push(`${owner} ${text}`, "message", owner),
          close: () => session.close(),
        });
      }),
    );
    const client = await RawClient.connect(server.port);
    const owners = ["alice", "bob", "carol"];
    client.write(owners.map((owner) => requestHead(`/${owner}`)).join(""));
    while (sessions.length < owners.length) await nextTurn();
    for (let round = 0; round < 20; round++) {
      for (const session of sessions) session.push(`round ${round}`);
      await nextTurn();
    }
    await client.bodyIncludes("alice round 19");
    expect(client.text).not.toMatch(/bob|carol/);
    for (const session of sessions.slice().reverse()) void session.close();
    await client.bodyIsWhole(2);
    for (const [index, owner] of owners.entries()) {
      const body = client.responses[index]?.body.toString() ?? "";
      const expected = Array.from(
        { length: 20 },
        (_, n) => `id:${owner}\ndata:"${owner} round ${n}"\n\n`,
      );
      expect(body).toBe(expected.join(""));
    }
  });

  it("end all their sessions, once each, when the client leaves", async () => {
    const ended: string[] = [];
    let open = 0;
    const server = await listen(
      createServer(async (req, res) => {
        const session = await createSession(req, res, sessionOptions());
        open++;
        session.on("disconnected", () => ended.push(req.url ?? ""));
      }),
    );
    const client = await RawClient.connect(server.port);
    client.write(["/1", "/2", "/3"].map((path) => requestHead(path)).join(""));
    while (open < 3) await nextTurn();
    await client.destroy();
    await server.close();
    await turns(5);
    expect(ended.sort()).toEqual(["/1", "/2", "/3"]);
  });
});

import { createServer } from "node:http";
import { describe, expect, it } from "vitest";
import { createChannel, createSession } from "../../lib/index.ts";
import { type Client, clients, eventually, listen } from "../e2e/harness.ts";
import { openProcess } from "./backplane-kit.ts";
import { AppServer, dataOf } from "./channel-kit.ts";
import { configurations, startNginx } from "./nginx-server.ts";
import { startRedis } from "./redis-server.ts";

const browser = clients.find(({ name }) => name === "eventsource") as Client;
const plain = clients.find(({ name }) => name === "undici") as Client;

describe.each(configurations)("behind nginx in its %s configuration", (which) => {
  it.each(["auto", "stream"] as const)("events arrive at once, transport %s", async (transport) => {
    const channel = createChannel();
    const versions: string[] = [];
    const server = createServer(async (req, res) => {
      versions.push(req.httpVersion);
      channel.register(await createSession(req, res, { transport, keepAlive: null }));
    });
    const origin = await startNginx(which, [(await listen(server)).port]);
    const { status, headers, events } = await plain.open(origin, "http");
    expect(status).toBe(200);
    expect(headers["content-type"]).toBe("text/event-stream");
    for (let number = 0; number < 20; number++) {
      channel.broadcast({ number });
      // Nothing is broadcast before it is there: a buffer would hold it for ever.
      expect(JSON.parse((await events.next()).data)).toEqual({ number });
    }
    expect(versions).toEqual([which === "default" ? "1.0" : "1.1"]);
  });

  it("an end comes through as one, and a client that goes is noticed", async () => {
    const channel = createChannel();
    const server = createServer(async (req, res) => {
      channel.register(await createSession(req, res, { keepAlive: null }));
    });
    const origin = await startNginx(which, [(await listen(server)).port]);
    const ending = await plain.open(origin, "http");
    const going = await plain.open(origin, "http");
    await eventually(() => channel.sessionCount === 2, "two sessions");
    going.close();
    await eventually(() => channel.sessionCount === 1, "one session");
    await channel.close({ event: "tick", data: "bye" });
    expect(dataOf([await ending.events.next()])).toEqual(['tick "bye"']);
    await ending.ended;
  });

  it("round robin over two servers resumes on either, without sticky sessions", async () => {
    const redis = await startRedis();
    const apps = [new AppServer(redis), new AppServer(redis, {}, openProcess(redis))];
    for (const app of apps) await app.start();
    const origin = await startNginx(
      which,
      apps.map(({ port }) => port),
    );
    const served = [0, 0];
    for (const [at, { channel }] of apps.entries()) {
      channel.on("session-registered", () => {
        served[at] = (served[at] ?? 0) + 1;
      });
    }
    let last = "";
    let sent = 0;
    // Of two servers the first to write is first.
    const broadcast = () => apps[sent % 2]?.channel.broadcast(sent++).published();
    for (let visit = 0; visit < 6; visit++) {
      const headers = last === "" ? {} : { "Last-Event-ID": last };
      const { events, close } = await plain.open(origin, "http", headers as never);
      const count = () => apps.reduce((sum, { channel }) => sum + channel.sessionCount, 0);
      await eventually(() => count() === 1, "session");
      // Those of the first visit are live, of the others two more that were missed.
      const first = visit === 0 ? 0 : 2 + (visit - 1) * 4;
      for (let event = 0; event < 2; event++) await broadcast();
      const seen = await events.take(visit === 0 ? 2 : 4);
      expect(dataOf(seen)).toEqual(Array.from({ length: seen.length }, (_, at) => first + at));
      last = seen.at(-1)?.id ?? "";
      close();
      await eventually(() => count() === 0, "no session");
      for (let event = 0; event < 2; event++) await broadcast();
    }
    expect(served).toEqual([3, 3]);
  });
});

it("an EventSource goes on by itself on the other server when its own is shut down", async () => {
  const redis = await startRedis();
  const apps = [new AppServer(redis), new AppServer(redis)];
  for (const app of apps) await app.start();
  const origin = await startNginx(
    "recommended",
    apps.map(({ port }) => port),
  );
  const { events } = await browser.open(origin, "http");
  const ofSession = () => apps.find(({ channel }) => channel.sessionCount === 1) as AppServer;
  await eventually(() => ofSession() !== undefined, "session");
  const first = ofSession();
  const other = apps.find((app) => app !== first) as AppServer;
  other.channel.broadcast(0);
  expect(dataOf([await events.next()])).toEqual([0]);
  await first.channel.close({ retry: 1 });
  for (const number of [1, 2, 3]) other.channel.broadcast(number);
  expect(dataOf(await events.take(3))).toEqual([1, 2, 3]);
  expect(other.channel.sessionCount).toBe(1);
});

import { createServer, get } from "node:http";
import { EventSource } from "eventsource";
import { createParser } from "eventsource-parser";
import { describe, expect, it, onTestFinished } from "vitest";
import {
  type Channel,
  createChannel,
  createSession,
  engineStats,
  type HistoryOptions,
  type RegisterOptions,
} from "../../lib/index.ts";
import {
  deferred,
  eventually,
  listen,
  nextTurn,
  parseStream,
  Queue,
  RawClient,
  sessionOptions,
  strayErrors,
  turns,
} from "./harness.ts";
import { lane } from "./lane.ts";

/** A server that registers every session with one channel. */
async function serveChannel(
  history: HistoryOptions,
  { options = {}, register }: { options?: object; register?: RegisterOptions } = {},
) {
  const channel = createChannel({ history });
  const server = createServer(async (req, res) => {
    const all = sessionOptions({ retry: 1, keepAlive: null, ...options });
    const session = await createSession(req, res, all).catch(() => undefined);
    // The client may have gone in the turn in which it connected.
    if (session?.isConnected) channel.register(session, register);
  });
  return { channel, ...(await listen(server)) };
}

/** Sends numbers from 1, each as its own id too. */
function broadcaster(channel: Channel) {
  let count = 0;
  const send = (times = 1, filler = "") => {
    for (let time = 0; time < times; time++) {
      const eventId = String(++count);
      channel.broadcast(eventId + filler, "message", { eventId });
    }
  };
  return { send, sent: () => count };
}

/** The same numbers in each run, from 0 until, not including, `limit`. */
function seededNumbers(seed: number) {
  let state = seed;
  return (limit: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

/** A client that reconnects after it was cut, and checks the numbers that it gets. */
class CountingClient {
  readonly #url: string;
  readonly problems: string[] = [];
  /** Undefined when any may come: at first, and after a gap. */
  next: number | undefined;
  gaps = 0;
  lastId = "";

  constructor(url: string) {
    this.#url = url;
  }

  /** Connects, and cuts the connection after `events` events, in the middle of what has arrived. */
  async connectFor(events: number): Promise<void> {
    const headers = this.lastId === "" ? {} : { "Last-Event-ID": this.lastId };
    const cut = deferred();
    let left = events;
    const parser = createParser({
      onEvent: ({ event, id, data }) => {
        // What came after the cut, in the same piece, has not come.
        if (left <= 0) return;
        left -= 1;
        this.lastId = id ?? this.lastId;
        if (event === "gap") this.#onGap();
        else this.#onNumber(Number.parseInt(JSON.parse(data), 10));
        if (left === 0) cut.resolve();
      },
    });
    const request = get(this.#url, { headers, agent: false }, (response) => {
      response.setEncoding("utf8");
      response.on("data", (text) => parser.feed(text)).on("error", () => cut.resolve());
      response.on("close", () => cut.resolve());
    });
    request.on("error", () => cut.resolve());
    onTestFinished(() => void request.destroy());
    await cut.promise;
    request.destroy();
  }

  #onGap() {
    this.gaps += 1;
    this.next = undefined;
  }

  #onNumber(number: number) {
    if (this.next !== undefined && number !== this.next) {
      this.problems.push(`${number} came instead of ${this.next}`);
    }
    this.next = number + 1;
  }
}

describe(`clients on the ${lane} lane that come back`, () => {
  it.each([
    ["a history that holds all", { events: null, bytes: 1e8 }, false],
    ["a history that holds a little", { events: 60 }, true],
  ] as const)(
    "miss nothing and get nothing twice, whenever they are cut: %s",
    async (_name, history, mayLack) => {
      const strays = strayErrors();
      const server = await serveChannel(history);
      const { send, sent } = broadcaster(server.channel);
      const total = 3000;
      const clients = Array.from({ length: 8 }, () => new CountingClient(`${server.origin}/`));
      const run = async (client: CountingClient, random: (limit: number) => number) => {
        while (sent() < total) {
          await client.connectFor(1 + random(150));
          await turns(random(40));
        }
        while (client.next !== total + 1) await client.connectFor(total);
      };
      const running = clients.map((client, seed) => run(client, seededNumbers(seed)));
      const random = seededNumbers(99);
      while (sent() < total) {
        send(Math.min(1 + random(4), total - sent()), "x".repeat(random(300)));
        await nextTurn();
      }
      // To end those that wait for more than there is; they come back for what they lack.
      const ending = setInterval(() => void server.channel.close({ retry: null }), 50);
      onTestFinished(() => clearInterval(ending));
      await Promise.all(running);
      expect(clients.map(({ problems }) => problems)).toEqual(clients.map(() => []));
      const gaps = clients.reduce((sum, client) => sum + client.gaps, 0);
      if (!mayLack) expect(gaps).toBe(0);
      expect(await strays()).toEqual([]);
      clearInterval(ending);
      await eventually(() => server.channel.sessionCount === 0, "end of all sessions");
    },
  );

  it("get a replay at their own pace, of which a part only waits for them", async () => {
    const maxBufferedBytes = 1 << 20;
    const server = await serveChannel(
      { events: null, bytes: 64e6 },
      { options: { maxBufferedBytes }, register: { since: null } },
    );
    const { send, sent } = broadcaster(server.channel);
    // More than the system holds for a connection.
    send(2000, "x".repeat(10_000));
    const client = await RawClient.connect(server.port, { reading: false });
    client.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    await eventually(() => server.channel.sessionCount === 1, "session");
    const [session] = server.channel.activeSessions;
    await eventually(() => (session?.bufferedBytes ?? 0) > 0, "bytes that wait");
    let most = 0;
    for (let turn = 0; turn < 200; turn++) {
      send(1, "x".repeat(10_000));
      most = Math.max(most, session?.bufferedBytes ?? 0);
      await nextTurn();
    }
    expect(most).toBeLessThanOrEqual(maxBufferedBytes / 4);
    client.read();
    await client.bodyIncludes(`id:${sent()}\n`);
    await client.bodyIncludes(`x"\n\n`);
    send();
    await client.bodyIncludes(`id:${sent()}\ndata:"${sent()}"\n\n`);
    const ids = parseStream(client.body).events.map(({ id }) => Number(id));
    expect(ids).toEqual(Array.from({ length: sent() }, (_, index) => index + 1));
    expect(session?.isConnected).toBe(true);
  });

  it("leave nothing behind when they go in the middle of it", async () => {
    const strays = strayErrors();
    const server = await serveChannel({ bytes: 64e6 }, { register: { since: null } });
    const { send } = broadcaster(server.channel);
    send(1000, "x".repeat(10_000));
    for (let round = 0; round < 5; round++) {
      const clients = await Promise.all(
        Array.from({ length: 20 }, () => RawClient.connect(server.port, { reading: false })),
      );
      for (const client of clients) client.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
      await eventually(() => server.channel.sessionCount === clients.length, "sessions");
      send(10);
      await Promise.all(clients.map((client, at) => (at % 2 ? client.destroy() : client.reset())));
      await eventually(() => server.channel.sessionCount === 0, "end of all sessions");
    }
    expect(engineStats().sessions).toEqual({ stream: 0, socket: 0 });
    expect(await strays()).toEqual([]);
  });

  it("are what an EventSource is by itself, also where it is told of a gap", async () => {
    const server = await serveChannel({ events: 5 });
    const { send } = broadcaster(server.channel);
    const source = new EventSource(`${server.origin}/`);
    onTestFinished(() => source.close());
    const got = new Queue<string>();
    source.addEventListener("message", ({ data }) => got.put(JSON.parse(data)));
    source.addEventListener("gap", ({ data }) => got.put(data));
    await eventually(() => server.channel.sessionCount === 1, "session");
    send(2);
    expect(await got.take(2)).toEqual(["1", "2"]);
    await server.channel.close({ retry: 1, spread: 0 });
    send(2);
    expect(await got.take(2)).toEqual(["3", "4"]);
    await server.channel.close({ retry: 1, spread: 0 });
    send(7);
    const gap = '{"reason":"unknown","oldest":"7"}';
    expect(await got.take(6)).toEqual([gap, "7", "8", "9", "10", "11"]);
  });
});

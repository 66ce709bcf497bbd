import { expect, it, vi } from "vitest";
import { redisGenerationStore } from "../../lib/redis/index.ts";
import { errorOf, eventually, strayErrors, within } from "../e2e/harness.ts";
import { infoOf, readToEnd, told } from "../streaming/generation-store-cases.ts";
import {
  answering,
  make,
  openTab,
  Scripted,
  serveGenerations,
  text,
} from "../streaming/generations-setup.ts";
import { finish, start } from "../streaming/written.ts";
import {
  type RedisServer,
  type RedisServerOptions,
  redisClient,
  startRedis,
} from "./redis-server.ts";

const lost = { type: "error", code: "producer-lost" };

async function twoStores(options?: RedisServerOptions, leaseMs = 2000) {
  const server = await startRedis(options);
  const [client, other] = [redisClient(server), redisClient(server)];
  const here = redisGenerationStore({ client, leaseMs });
  const there = redisGenerationStore({ client: other, leaseMs });
  return { server, client, here, there };
}

/** The key of a run's stream, as it is kept. */
async function streamOf(server: RedisServer): Promise<string> {
  const keys = (await server.ask("KEYS", "*:run:*")) as string[];
  return keys[0] ?? "";
}

/** A generation that has said "one ", and one who watches it there. */
async function watchedOne(producing: ReturnType<typeof make>, url: string) {
  const provider = new Scripted();
  const { finished } = await producing.start("a", provider.source);
  provider.say(start, "one ");
  const tab = await openTab(url);
  await eventually(() => tab.text === "one ", "token");
  return { provider, finished, tab };
}

const signal = () => new AbortController().signal;

it.each([
  ["client", { client: "redis://127.0.0.1" }],
  ["client", {}],
  ["leaseMs", { leaseMs: 50 }],
  ["batchMs", { batchMs: -1 }],
  ["batchBytes", { batchBytes: 0 }],
  ["prefix", { prefix: "" }],
  ["prefix", { prefix: "app{1}" }],
])("a store with a bad %s is refused", async (name, options) => {
  const client = name === "client" ? undefined : redisClient(await startRedis());
  const error = await errorOf(() => redisGenerationStore({ client, ...options } as never));
  expect(error).toMatchObject({ name: "SseError", code: "invalid-option" });
  expect(error.message).toContain(name);
});

it("Redis that is down at the start is told to who starts, and comes back by itself", async () => {
  const strays = strayErrors();
  const server = await startRedis();
  await server.stop();
  const store = redisGenerationStore({ client: redisClient(server) });
  const generations = make({ store, storeTimeout: 300 });
  const provider = new Scripted();
  const error = await errorOf(() => generations.start("a", provider.source));
  expect(error).toMatchObject({ name: "SseError", code: "store-error" });
  expect(error.message).toContain("no answer within 300 ms");
  expect([provider.asked, generations.size]).toEqual([0, 0]);
  await server.restart();
  const begun = async () => {
    const { finished } = await generations.start("b", () => answering("Hi"));
    return (await finished).text;
  };
  await expect.poll(() => begun().catch(() => ""), { timeout: 8000 }).toBe("Hi");
  expect(await strays()).toEqual([]);
});

it("Redis that is killed and comes back with its data costs nobody anything", async () => {
  const strays = strayErrors();
  const { server, here, there } = await twoStores({ appendonly: true }, 60_000);
  const producing = make({ store: here, storeTimeout: 25_000 });
  const watching = make({ store: there });
  const url = await serveGenerations(watching);
  const provider = new Scripted();
  const { finished } = await producing.start("a", provider.source);
  const tab = await openTab(url("a"));
  provider.say(start, "one ", "two ");
  await eventually(() => tab.text === "one two ", "two tokens");
  await server.kill();
  provider.say("three ", "four ");
  await server.restart();
  provider.say("five", finish);
  await within(tab.ended, "end", 25_000);
  expect(tab.text).toBe("one two three four five");
  expect(tab.events.at(-1)?.event).toBe("done");
  expect((await finished).status).toBe("finished");
  expect(await strays()).toEqual([]);
});

it("a client that gives up before the lease does ends what runs, and its watchers are told", async () => {
  const server = await startRedis({ appendonly: true });
  const client = redisClient(server, { retryStrategy: () => 20, maxRetriesPerRequest: 1 });
  const generations = make({ store: redisGenerationStore({ client, leaseMs: 60_000 }) });
  const url = await serveGenerations(generations);
  const { provider, finished, tab } = await watchedOne(generations, url("a"));
  await server.kill();
  provider.say("two ");
  await within(tab.ended, "end", 25_000);
  expect(tab.events.at(-1)).toMatchObject({ event: "error" });
  expect((await finished).error).toMatchObject({ code: "store-error" });
  expect((await generations.get("a"))?.text).toBe("one two ");
});

it("Redis that loses its data is an end that all are told of", async () => {
  const strays = strayErrors();
  const { server, here, there } = await twoStores({}, 600);
  const [producing, watching] = [make({ store: here }), make({ store: there })];
  const url = await serveGenerations(watching);
  const provider = new Scripted();
  const { finished } = await producing.start("a", provider.source);
  const tab = await openTab(url("a"));
  provider.say(start, "one ");
  await eventually(() => tab.text === "one ", "token");
  await server.kill();
  await server.restart();
  await within(tab.ended, "end");
  expect(tab.events.at(-1)).toMatchObject({ event: "error" });
  expect(await finished).toMatchObject({ status: "failed", error: lost, text: "one " });
  expect(provider.stopped).toBe(true);
  // This process has the answer still.
  expect((await producing.get("a"))?.text).toBe("one ");
  const again = await producing.start("a", () => answering("new"));
  expect((await again.finished).text).toBe("new");
  expect(await strays()).toEqual([]);
});

it("Redis that stays away ends what is followed with an error, and what runs stays here", async () => {
  const strays = strayErrors();
  const { server, here, there } = await twoStores({}, 500);
  const producing = make({ store: here, storeTimeout: 500 });
  const watching = make({ store: there });
  const [ownUrl, url] = [await serveGenerations(producing), await serveGenerations(watching)];
  const { provider, finished, tab } = await watchedOne(producing, url("a"));
  await server.kill();
  provider.say("two ");
  await within(tab.ended, "end");
  expect(tab.events.at(-1)?.data).toContain("STORE_ERROR");
  expect(await finished).toMatchObject({ error: { code: "store-error" }, text: "one two " });
  const own = await openTab(ownUrl("a"));
  await own.ended;
  expect(own.text).toBe("one two ");
  expect(await strays()).toEqual([]);
});

it("Redis that is slow is waited for", async () => {
  const { server, here, there } = await twoStores({}, 5000);
  const info = infoOf("a");
  const lease = await here.create(info, told().producer);
  await lease?.append([text("one")]);
  const reading = readToEnd(there, info);
  server.pause();
  const appending = lease?.append([text("two")]);
  await new Promise((resolve) => setTimeout(resolve, 500));
  server.resume();
  await appending;
  await lease?.append([finish]);
  expect(await reading).toEqual([text("one"), text("two"), finish]);
});

it("a run whose call took too long lets go of its lease, so that others are told", async () => {
  const { server, here, there } = await twoStores({}, 5000);
  const [producing, watching] = [make({ store: here, storeTimeout: 300 }), make({ store: there })];
  const url = await serveGenerations(watching);
  const { provider, finished, tab } = await watchedOne(producing, url("a"));
  server.pause();
  provider.say("two ");
  expect((await finished).error?.code).toBe("store-error");
  server.resume();
  await within(tab.ended, "end");
  expect(tab.text).toBe("one two ");
  expect(tab.events.at(-1)?.data).toContain("PRODUCER_LOST");
});

it("a connection that is reset doubles and loses nothing", async () => {
  const { server, here, there } = await twoStores({}, 5000);
  const info = infoOf("a");
  const lease = await here.create(info, told().producer);
  const reading = readToEnd(there, info);
  const parts = answering(...Array.from({ length: 200 }, (_, n) => `${n} `));
  for (const [at, part] of parts.entries()) {
    const appending = lease?.append([part]);
    if (at % 20 === 0) await server.ask("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
    await appending;
  }
  expect(await reading).toEqual(parts);
});

it("entries of a foreign shape are left out, and counted", async () => {
  const { server, client, here, there } = await twoStores();
  const info = infoOf("a");
  const lease = await here.create(info, told().producer);
  await lease?.append([text("one")]);
  const key = await streamOf(server);
  const foreign: [string, string][][] = [
    [["hello", "world"]],
    [
      ["n", "1"],
      ["parts", "[not json"],
    ],
    [
      ["n", "1"],
      ["parts", "[]"],
    ],
    [
      ["n", "1"],
      ["parts", '[{"no":"type"}]'],
    ],
    [
      ["n", "-1"],
      ["parts", '[{"type":"text","text":"x"}]'],
    ],
    [
      ["n", "0"],
      ["parts", '[{"type":"text","text":"again"}]'],
    ],
  ];
  for (const fields of foreign) await client.xadd(key, "*", ...fields.flat());
  // Ids can be ahead of the clock.
  await client.xadd(key, "99999999999999-0", "far", "away");
  const reading = readToEnd(there, info);
  await lease?.append([text("two")]);
  await lease?.append([finish]);
  expect(await reading).toEqual([text("one"), text("two"), finish]);
  expect(there.foreignEntries).toBe(foreign.length + 1);
});

it("a stream that was trimmed is an error, not a hole", async () => {
  const { server, client, here, there } = await twoStores();
  const info = infoOf("a");
  const lease = await here.create(info, told().producer);
  for (const one of ["a", "b", "c"]) await lease?.append([text(one)]);
  await client.xtrim(await streamOf(server), "MAXLEN", 1);
  const error = await errorOf(() => there.read(info, 0));
  expect(error.message).toBe("the parts of the generation from 0 to 1 are missing");
  await client.del(await streamOf(server));
  expect((await errorOf(() => there.read({ ...info }, 0))).message).toContain(
    "from 0 on are missing",
  );
});

it("a run of which only the parts are left is not kept", async () => {
  const { client, here, there } = await twoStores({}, 400);
  const { calls, producer } = told();
  const info = infoOf("a");
  const lease = await here.create(info, producer);
  await lease?.append([text("one")]);
  const reading = errorOf(() => readToEnd(there, info));
  await client.del("stream-llm:{0}:id:a");
  expect((await within(reading, "end")).message).toBe("not kept");
  await eventually(() => calls.includes("lost"), "loss");
  expect(await there.read({ ...info }, 0)).toEqual([text("one")]);
});

it("a replica that took over with fewer parts is an error, not a hole", async () => {
  const { client, here, there } = await twoStores({}, 400);
  const info = infoOf("a");
  const lease = await here.create(info, told().producer);
  for (const one of ["a", "b"]) await lease?.append([text(one)]);
  const reading = errorOf(() => readToEnd(there, info));
  await eventually(() => client.status === "ready", "client");
  await there.read(info, 0);
  await client.hset("stream-llm:{0}:id:a", "count", 1);
  expect((await within(reading, "end")).message).toContain("are missing");
  expect((await errorOf(() => lease?.append([text("c")]))).message).toContain("lost");
});

it.each([
  ["of no run", "x.1"],
  ["of this run, that never was", "RUN.999999"],
  ["of this run, beyond all numbers", "RUN.99999999999999999999"],
  ["with an injection", "RUN.1\u00e9: x"],
])("an id %s gets the answer from its start, and a notice", async (_, forged) => {
  const { here, there } = await twoStores();
  const [producing, watching] = [make({ store: here }), make({ store: there })];
  const url = await serveGenerations(watching);
  const provider = new Scripted();
  await producing.start("a", provider.source);
  provider.say(start, "one ");
  const run = (await there.find("a"))?.info.run ?? "";
  const tab = await openTab(url("a"), forged.replace("RUN", run));
  await eventually(() => tab.text === "one ", "answer");
  expect(tab.events[0]).toMatchObject({ event: "gap", data: '{"reason":"unknown-id"}' });
  provider.say("two", finish);
  await tab.ended;
  expect(tab.text).toBe("one two");
});

it("a client of a lost producer, which has more than the others, is told of the end all the same", async () => {
  const server = await startRedis();
  const [client, other] = [redisClient(server), redisClient(server)];
  const leaseMs = 60_000;
  // What its own clients get stays with them.
  const here = make({ store: redisGenerationStore({ client, leaseMs, batchMs: 60_000 }) });
  const there = make({ store: redisGenerationStore({ client: other, leaseMs }) });
  const [ownUrl, url] = [await serveGenerations(here), await serveGenerations(there)];
  const provider = new Scripted();
  await here.start("a", provider.source);
  provider.say(start);
  const own = await openTab(ownUrl("a"));
  await own.has(1);
  await client.hset("stream-llm:{0}:id:a", "lease", 1);
  // The first event that all others get has the number that this one has.
  const resumed = await openTab(url("a"), own.events[0]?.id);
  expect(resumed.status).toBe(200);
  await resumed.ended;
  expect(resumed.events.map(({ event }) => event)).toEqual(["gap", "error"]);
  // Who has got that end need not come again.
  expect((await openTab(url("a"), resumed.events.at(-1)?.id)).status).toBe(204);
});

it("keys of another kind are an error", async () => {
  const { client, here } = await twoStores();
  await client.set("stream-llm:{0}:id:a", "x");
  const generations = make({ store: here });
  for (const action of [() => generations.get("a"), () => generations.start("a", () => [])]) {
    expect(await errorOf(action)).toMatchObject({ code: "store-error" });
  }
  await client.hset("stream-llm:{0}:id:b", "run", "x", "info", "y");
  expect(await generations.get("b")).toBeUndefined();
});

it("a full Redis is an error, and what there is stays readable here", async () => {
  const strays = strayErrors();
  const { server, here } = await twoStores({}, 500);
  const generations = make({ store: here });
  const provider = new Scripted();
  const { finished } = await generations.start("a", provider.source);
  provider.say(start, "one ");
  await eventually(() => generations.size === 1, "run");
  await server.ask("CONFIG", "SET", "maxmemory", "1");
  provider.say("two ");
  const state = await finished;
  expect(state).toMatchObject({ status: "failed", text: "one two " });
  expect(["store-error", "producer-lost"]).toContain(state.error?.code);
  const error = await errorOf(() => generations.start("b", () => answering("x")));
  expect(error).toMatchObject({ code: "store-error" });
  expect(error.message).toContain("OOM");
  expect((await generations.get("a"))?.text).toBe("one two ");
  expect(await strays()).toEqual([]);
});

it("a replica is an error at the start", async () => {
  const main = await startRedis();
  const replica = await startRedis({ settings: { replicaof: `127.0.0.1 ${main.port}` } });
  const generations = make({ store: redisGenerationStore({ client: redisClient(replica) }) });
  const error = await errorOf(() => generations.start("a", () => answering("x")));
  expect(error).toMatchObject({ code: "store-error" });
  expect(error.message).toContain("READONLY");
});

it("a client that is closed while it is in use is an error, and leaves no connection", async () => {
  const strays = strayErrors();
  const { server, client, here, there } = await twoStores();
  const [producing, watching] = [make({ store: there }), make({ store: here })];
  const url = await serveGenerations(watching);
  await producing.start("a", new Scripted().source);
  const tab = await openTab(url("a"));
  await expect.poll(() => server.connections()).toBe(4);
  client.disconnect();
  await within(tab.ended, "end");
  expect(tab.events.at(-1)?.data).toContain("STORE_ERROR");
  expect(await errorOf(() => watching.get("a"))).toMatchObject({ code: "store-error" });
  await expect.poll(() => server.connections()).toBe(2);
  expect(await strays()).toEqual([]);
});

it("a client that is closed while a generation waits for its provider gets no new connection", async () => {
  const { server, client, here } = await twoStores();
  await make({ store: here }).start("a", new Scripted().source);
  await expect.poll(() => server.connections()).toBe(3);
  client.disconnect();
  await expect.poll(() => server.connections()).toBe(1);
  // Long enough for one to be made again.
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(await server.connections()).toBe(1);
});

it("servers whose clocks differ by hours agree on what has run out", async () => {
  const { here, there } = await twoStores({}, 600);
  const date = vi.spyOn(Date, "now").mockReturnValue(Date.now() - 5 * 3_600_000);
  const { calls, producer } = told();
  const info = infoOf("a");
  const lease = await here.create(info, producer);
  date.mockReturnValue(Date.now() + 9 * 3_600_000);
  await lease?.append([text("one")]);
  // Renewed more than once.
  await new Promise((resolve) => setTimeout(resolve, 1200));
  expect(await there.create(infoOf("a"), told().producer)).toBeUndefined();
  await lease?.append([finish]);
  date.mockRestore();
  expect(await there.read(info, 0, signal())).toEqual([text("one"), finish]);
  expect(calls).toEqual([]);
});

it("two stores in one process are two servers", async () => {
  const server = await startRedis();
  const client = redisClient(server);
  const [one, other] = [redisGenerationStore({ client }), redisGenerationStore({ client })];
  const apart = redisGenerationStore({ client, prefix: "another" });
  const { calls, producer } = told();
  const info = infoOf("a");
  const lease = await one.create(info, producer);
  const reading = readToEnd(other, info);
  expect(await apart.find("a")).toBeUndefined();
  expect(await other.stop(info)).toBe(true);
  await eventually(() => calls.includes("stop"), "stop");
  await lease?.append([{ type: "abort" }]);
  expect(await reading).toEqual([{ type: "abort" }]);
});

it("one run is read by several at once, each from where it is", async () => {
  const { here, there } = await twoStores();
  const info = infoOf("a");
  const lease = await here.create(info, told().producer);
  const parts = answering(..."abcdef");
  const readings = [];
  for (const part of parts) {
    readings.push(readToEnd(there, { ...info }));
    await lease?.append([part]);
  }
  for (const read of await Promise.all(readings)) expect(read).toEqual(parts);
});

it("a long run is read in pages, and many are followed at once", async () => {
  const { here, there } = await twoStores({}, 60_000);
  const long = infoOf("long");
  const lease = await here.create(long, told().producer);
  const parts = answering(...Array.from({ length: 450 }, (_, n) => `${n} `));
  for (const part of parts) await lease?.append([part]);
  expect(await there.read(long, 0)).toEqual(parts);
  expect(await readToEnd(there, { ...long })).toEqual(parts);

  const infos = Array.from({ length: 100 }, (_, n) => infoOf(`${n}`));
  const leases = await Promise.all(infos.map((info) => here.create(info, told().producer)));
  const readings = infos.map((info) => readToEnd(there, info));
  const said = (n: number) => [start, text(`${n}`), finish];
  for (const at of [0, 1, 2]) {
    await Promise.all(leases.map((one, n) => one?.append(said(n).slice(at, at + 1))));
  }
  expect(await Promise.all(readings)).toEqual(infos.map((_, n) => said(n)));
});

it("a lease that ran out is lost for good, and says so once", async () => {
  const { client, here, there } = await twoStores({}, 600);
  const { calls, producer } = told();
  const info = infoOf("a");
  const lease = await here.create(info, producer);
  await lease?.append([text("one")]);
  // As if its process had been frozen.
  await client.hset("stream-llm:{0}:id:a", "lease", 1);
  expect(await there.read(info, 0, signal())).toEqual([text("one"), expect.objectContaining(lost)]);
  for (let more = 0; more < 2; more++) {
    expect((await errorOf(() => lease?.append([text("two")]))).message).toContain("lease");
  }
  expect(calls).toEqual(["lost"]);
  expect(await there.read(info, 1)).toEqual([expect.objectContaining(lost)]);
  expect(await there.create(infoOf("a"), told().producer)).toBeDefined();
});

it("Redis' clock that is set back makes no lease longer", async () => {
  const { server, client, here, there } = await twoStores({}, 400);
  const info = infoOf("a");
  const lease = await here.create(info, told().producer);
  await lease?.append([text("one")]);
  // Its process has gone.
  client.disconnect();
  await server.ask("HSET", "stream-llm:{0}:id:a", "lease", String(Date.now() + 3_600_000));
  const read = await within(readToEnd(there, info), "end");
  expect(read).toEqual([text("one"), expect.objectContaining(lost)]);
});

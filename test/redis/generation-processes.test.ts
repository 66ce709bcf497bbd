import { expect, it, vi } from "vitest";
import { eventually, within } from "../e2e/harness.ts";
import { openTab, type Tab } from "../streaming/generations-setup.ts";
import { startServer, whole } from "./generation-servers.ts";
import { startRedis } from "./redis-server.ts";

// Each test starts several processes.
vi.setConfig({ testTimeout: 90_000 });

const lostEvent = {
  event: "error",
  data: '{"error":"The answer broke off.","code":"PRODUCER_LOST"}',
};
const lastId = (tab: Tab) => tab.events.findLast(({ id }) => id)?.id ?? "";
const ending = (tab: Tab) => within(tab.ended, "end of the answer", 40_000);

it("a watcher whose server is killed goes on where it was, on another one", async () => {
  const redis = await startRedis();
  const [producer, first, second] = await Promise.all([1, 2, 3].map(() => startServer(redis)));
  if (!producer || !first || !second) throw new Error("no servers");
  expect(await producer.start("a", 400, 5)).toBe(201);
  const broken = await openTab(first.url("a"));
  await eventually(() => broken.text.includes("50 "), "50 tokens");
  first.child.process.kill("SIGKILL");
  await ending(broken);
  const resumed = await openTab(second.url("a"), lastId(broken));
  await ending(resumed);
  expect(broken.text + resumed.text).toBe(whole(400));
  expect(resumed.events.map(({ event }) => event)).not.toContain("gap");
  expect(resumed.events.at(-1)?.event).toBe("done");
});

it("a generation whose server is killed ends for all that watch, with the same words, and its id is free", async () => {
  const redis = await startRedis();
  const [producer, first, second] = await Promise.all([1, 2, 3].map(() => startServer(redis)));
  if (!producer || !first || !second) throw new Error("no servers");
  await producer.start("a", 100_000, 2);
  const tabs = await Promise.all(
    [first, first, second, producer].map((server) => openTab(server.url("a"))),
  );
  await eventually(() => tabs.every((tab) => tab.text.includes("50 ")), "50 tokens");
  producer.child.process.kill("SIGKILL");
  const own = tabs[3] as Tab;
  await ending(own);
  // One comes back from the server that died: with an event, maybe, that never got to Redis.
  const resumed = await openTab(second.url("a"), lastId(own));
  await Promise.all([...tabs, resumed].map(ending));
  const [one, ...others] = tabs.slice(0, 3);
  expect(one?.events.at(-1)).toMatchObject(lostEvent);
  expect(resumed.events.at(-1)).toEqual(one?.events.at(-1));
  expect(whole(100_000).startsWith(one?.text ?? "")).toBe(true);
  for (const other of others) {
    expect(other.text).toBe(one?.text);
    expect(other.events.at(-1)).toEqual(one?.events.at(-1));
  }
  const late = await openTab(first.url("a"));
  await ending(late);
  expect(late.text).toBe(one?.text);
  expect(await second.start("a", 5, 1)).toBe(201);
  const next = await openTab(first.url("a"));
  await ending(next);
  expect(next.text).toBe(whole(5));
});

it("a run that nobody watched when its server was killed has its end when it is asked for", async () => {
  const redis = await startRedis();
  const [producer, other] = await Promise.all([1, 2].map(() => startServer(redis, 500)));
  if (!producer || !other) throw new Error("no servers");
  await producer.start("a", 100_000, 2);
  producer.child.process.kill("SIGKILL");
  await producer.child.exit;
  await new Promise((resolve) => setTimeout(resolve, 600));
  const tab = await openTab(other.url("a"));
  await ending(tab);
  expect(tab.events.at(-1)).toMatchObject(lostEvent);
  expect(await other.start("a", 1, 1)).toBe(201);
});

it("a producer that was frozen beyond its lease writes nothing more", async () => {
  const redis = await startRedis();
  const [producer, other] = await Promise.all([1, 2].map(() => startServer(redis, 1000)));
  if (!producer || !other) throw new Error("no servers");
  await producer.start("a", 100_000, 2);
  const own = await openTab(producer.url("a"));
  const tab = await openTab(other.url("a"));
  await eventually(() => tab.text.includes("20 "), "20 tokens");
  producer.child.process.kill("SIGSTOP");
  await ending(tab);
  expect(tab.events.at(-1)).toMatchObject(lostEvent);
  producer.child.process.kill("SIGCONT");
  await ending(own);
  expect(own.events.at(-1)).toMatchObject(lostEvent);
  const late = await openTab(other.url("a"));
  await ending(late);
  expect(late.text).toBe(tab.text);
});

it("stops wherever it runs, whoever asks", async () => {
  const redis = await startRedis();
  const [producer, other] = await Promise.all([1, 2].map(() => startServer(redis)));
  if (!producer || !other) throw new Error("no servers");
  // Silent: no append tells the producer.
  await producer.start("a", 2, 1_000_000);
  const own = await openTab(producer.url("a"));
  await own.has(1);
  expect(await (await fetch(other.url("a"), { method: "DELETE" })).text()).toBe("true");
  await ending(own);
  expect(await other.start("a", 3, 1)).toBe(201);
});

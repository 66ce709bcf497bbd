import { describe, expect, it } from "vitest";
import {
  type GenerationLease,
  type GenerationStore,
  MemoryStore,
  type Part,
} from "../../lib/streaming/server.ts";
import { deferred, errorOf, eventually, strayErrors } from "../e2e/harness.ts";
import { answering, make, openTab, Scripted, serveGenerations } from "./generations-setup.ts";
import { finish, start } from "./written.ts";

/** Two processes with one store, as far as the store can tell. */
async function twoServers() {
  const store = new MemoryStore();
  const [here, there] = [make({ store }), make({ store })];
  return { store, here, there, url: await serveGenerations(there) };
}

describe("a generation of another server", () => {
  it("is watched, resumed and stopped from here", async () => {
    const { here, there, url } = await twoServers();
    const provider = new Scripted();
    const { finished } = await here.start("a", provider.source);
    const ownUrl = await serveGenerations(here);
    const own = await openTab(ownUrl("a"));
    provider.say(start, "one ", "two ");
    await own.has(3);
    const tab = await openTab(url("a"));
    await tab.has(2);
    const resumed = await openTab(url("a"), own.events[1]?.id);
    await resumed.has(1);
    provider.say("three ");
    await tab.has(3);
    expect(await there.get("a")).toMatchObject({ status: "running", text: "one two three " });
    expect(await Promise.all([there.stop("a"), there.stop("a")])).toEqual([true, false]);
    await Promise.all([own.ended, tab.ended, resumed.ended]);
    expect([own.text, tab.text]).toEqual(["one two three ", "one two three "]);
    // The same events under the same ids, on whichever server.
    expect(resumed.events).toEqual(own.events.slice(2));
    expect(provider.signal?.aborted).toBe(true);
    const state = await finished;
    expect(await there.get("a")).toEqual(state);
    expect(await there.stop("a")).toBe(false);
    expect(provider.asked).toBe(1);
  });

  it("keeps its id from others while it runs, and gives it away after", async () => {
    const { here, there } = await twoServers();
    const provider = new Scripted();
    const { finished } = await here.start("a", provider.source);
    const other = new Scripted();
    const error = await errorOf(() => there.start("a", other.source));
    expect(error).toMatchObject({ code: "generation-exists" });
    expect([other.asked, there.size]).toEqual([0, 0]);
    provider.say(...answering("1"));
    await finished;
    const next = await there.start("a", () => answering("2"));
    await next.finished;
    expect((await here.get("a"))?.text).toBe("2");
  });

  it("is followed for those who watch, and no longer", async () => {
    const { here, there, url } = await twoServers();
    const provider = new Scripted();
    const { finished } = await here.start("a", provider.source);
    const tab = await openTab(url("a"));
    provider.say(start, "one");
    await tab.has(2);
    expect(there.size).toBe(1);
    await there.close();
    await tab.ended;
    expect(tab.text).toBe("one");
    expect(tab.events.at(-1)?.event).toBe("token");
    provider.say(finish);
    expect((await finished).status).toBe("finished");
  });
});

/** A store that tells of new parts late. */
function lagging(store: MemoryStore, told: Promise<void>): GenerationStore {
  return {
    create: (info, producer) => store.create(info, producer),
    find: (id) => store.find(id),
    stop: (info) => store.stop(info),
    async read(info, from, signal) {
      const parts = await store.read(info, from, signal);
      if (signal) await told;
      return parts;
    },
  };
}

describe("an id that has another run by now", () => {
  async function followed() {
    const store = new MemoryStore();
    const told = deferred();
    const [here, there] = [make({ store }), make({ store: lagging(store, told.promise) })];
    const url = await serveGenerations(there);
    const old = await here.start("a", () => new Promise(() => {}));
    const tab = await openTab(url("a"));
    await here.stop("a");
    await old.finished;
    return { here, there, url, tab, told };
  }

  it("leaves no watcher of the old one without an end", async () => {
    const { here, url, tab, told } = await followed();
    const provider = new Scripted();
    await here.start("a", provider.source);
    const next = await openTab(url("a"));
    told.resolve();
    await tab.ended;
    expect(tab.events.at(-1)).toMatchObject({ event: "error" });
    provider.say(...answering("new"));
    await next.ended;
    expect(next.text).toBe("new");
  });

  it("can be started where the old one's end is not known yet", async () => {
    const { there, tab, told } = await followed();
    const { finished } = await there.start("a", () => answering("new"));
    expect((await finished).text).toBe("new");
    told.resolve();
    await tab.ended;
    expect(tab.events.at(-1)).toMatchObject({ event: "error" });
  });
});

/** A store that does what the test says in place of what a store does. */
function broken(instead: Partial<GenerationStore>): GenerationStore {
  const store = new MemoryStore();
  return {
    create: (info, producer) => store.create(info, producer),
    find: (id) => store.find(id),
    read: (info, from, signal) => store.read(info, from, signal),
    stop: (info) => store.stop(info),
    ...instead,
  };
}

const lease = (append: GenerationLease["append"]): GenerationLease => ({
  append,
  end: async () => {},
});

const never = () => new Promise<never>(() => {});
const down = new Error("ECONNREFUSED at 10.0.0.7");

describe("a store that fails", () => {
  it.each([
    ["throws", () => Promise.reject(down)],
    ["never answers", never],
  ])(
    "at the start (%s) is told to who starts, and the provider is not asked",
    async (_, create) => {
      const strays = strayErrors();
      const generations = make({ store: broken({ create }), storeTimeout: 50 });
      const provider = new Scripted();
      const error = await errorOf(() => generations.start("a", provider.source));
      expect(error).toMatchObject({ name: "SseError", code: "store-error" });
      expect([provider.asked, generations.size]).toEqual([0, 0]);
      expect(await strays()).toEqual([]);
    },
  );

  it("that gives the id too late gives it back", async () => {
    const late = deferred<GenerationLease>();
    const appended = deferred<readonly Part[]>();
    const store = broken({ create: () => late.promise });
    const generations = make({ store, storeTimeout: 20 });
    await errorOf(() => generations.start("a", () => answering("Hi")));
    late.resolve(lease(async (parts) => appended.resolve(parts)));
    expect(await appended.promise).toEqual([{ type: "abort", reason: "never started" }]);
  });

  it.each([
    ["throws", () => Promise.reject(down)],
    ["never answers", never],
  ])("while the answer comes (%s) ends it, and what there is stays readable", async (_, fail) => {
    const strays = strayErrors();
    const append = async (parts: readonly Part[]) => {
      if (parts.some(({ type }) => type === "text")) await fail();
    };
    const store = broken({ create: async () => lease(append) });
    const generations = make({ store, storeTimeout: 100, ttl: 1000 });
    const url = await serveGenerations(generations);
    const provider = new Scripted();
    const { finished } = await generations.start("a", provider.source);
    const tab = await openTab(url("a"));
    provider.say(start, "half");
    await tab.ended;
    expect(tab.text).toBe("half");
    expect(tab.events.at(-1)).toMatchObject({
      event: "error",
      data: '{"error":"The answer could not be kept. Try again later.","code":"STORE_ERROR"}',
    });
    const state = await finished;
    expect(state).toMatchObject({ status: "failed", text: "half", error: { code: "store-error" } });
    expect(await generations.get("a")).toEqual(state);
    const late = await openTab(url("a"));
    await late.ended;
    expect(late.text).toBe("half");
    expect(provider.stopped).toBe(true);
    await eventually(() => generations.size === 0, "end of its time");
    expect(await strays()).toEqual([]);
  });

  it("to be read is told to who reads, and to those who watch already", async () => {
    const strays = strayErrors();
    const memory = new MemoryStore();
    const here = make({ store: memory });
    let fails = false;
    const store: GenerationStore = broken({
      find: (id) => (fails ? Promise.reject(down) : memory.find(id)),
      read: async (info, from, signal) => {
        if (fails) throw down;
        const parts = await memory.read(info, from, signal);
        if (fails) throw down;
        return parts;
      },
    });
    const there = make({ store });
    const url = await serveGenerations(there);
    const provider = new Scripted();
    await here.start("a", provider.source);
    provider.say(start, "half");
    const tab = await openTab(url("a"));
    await tab.has(2);
    fails = true;
    provider.say("!");
    await tab.ended;
    expect(tab.events.at(-1)).toMatchObject({ event: "error" });
    for (const action of [() => there.get("a"), () => there.stop("a")]) {
      expect(await errorOf(action)).toMatchObject({ code: "store-error" });
    }
    fails = false;
    const again = await openTab(url("a"));
    provider.say(finish);
    await again.ended;
    expect(again.text).toBe("half!");
    expect(await strays()).toEqual([]);
  });

  it("that lost the lease ends the run here", async () => {
    let lost = () => {};
    const store = broken({
      create: async (_, producer) => {
        lost = () => producer.lost();
        return lease(async () => {});
      },
    });
    const generations = make({ store });
    const provider = new Scripted();
    const { finished } = await generations.start("a", provider.source);
    await eventually(() => provider.asked === 1, "question");
    lost();
    expect((await finished).error?.code).toBe("producer-lost");
    expect(provider.stopped).toBe(true);
  });
});

it("gets parts in batches, in their order, each once", async () => {
  const batches: (readonly Part[])[] = [];
  const store = { ...broken({}), batchMs: 20 };
  store.create = async () =>
    lease(async (parts) => {
      batches.push(parts);
    });
  const generations = make({ store });
  const parts = answering(..."abcdefghijklmnopqrstuvwxyz");
  const { finished } = await generations.start("a", () => parts);
  await finished;
  expect(batches.flat().map((part) => part.type)).toEqual(parts.map((part) => part.type));
  expect(batches.length).toBeLessThan(4);
});

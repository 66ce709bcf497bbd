import { describe, expect, it } from "vitest";
import {
  type GenerationLease,
  type GenerationStore,
  MemoryStore,
  type Part,
} from "../../lib/streaming/server.ts";
import { deferred, errorOf, eventually, strayErrors } from "../e2e/harness.ts";
import { storeCases } from "./generation-store-cases.ts";
import { answering, make, openTab, Scripted, serveGenerations } from "./generations-setup.ts";
import { finish, start } from "./written.ts";

const memory = () => {
  const store = new MemoryStore();
  return () => store;
};

describe("in memory", () => storeCases(async () => memory()));

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

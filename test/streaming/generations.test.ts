import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { createGenerations, MemoryStore } from "../../lib/streaming/server.ts";
import { deferred, errorOf, eventually, RawClient, strayErrors, within } from "../e2e/harness.ts";
import { answering, make, openTab, Scripted, serveGenerations, text } from "./generations-setup.ts";
import { finish, start } from "./written.ts";

describe("a generation", () => {
  it("is watched live, and by those who come late in few events", async () => {
    const generations = make();
    const url = await serveGenerations(generations);
    const provider = new Scripted();
    await generations.start("a", provider.source);
    const first = await openTab(url("a"));
    provider.say(start, "Hel", "lo");
    await first.has(3);
    const late = await openTab(url("a"));
    await late.has(2);
    provider.say(" you", finish);
    await Promise.all([first.ended, late.ended]);
    const names = ["start", "token", "token", "token", "metadata", "done"];
    expect(first.events.map(({ event }) => event)).toEqual(names);
    expect(late.events.slice(0, 2).map(({ data }) => data)).toEqual([
      first.events[0]?.data,
      '{"token":"Hello","index":0}',
    ]);
    expect(late.events.slice(2)).toEqual(first.events.slice(3));
    expect(provider.asked).toBe(1);
  });

  it("can be watched before the provider has said a word, and after its end", async () => {
    const generations = make();
    const url = await serveGenerations(generations);
    const provider = new Scripted();
    const starting = generations.start("a", provider.source);
    const early = await openTab(url("a"));
    provider.say(...answering("Hi"));
    await early.ended;
    await (await starting).finished;
    const late = await openTab(url("a"));
    await late.ended;
    expect(late.events.map(({ data }) => data)).toEqual(early.events.map(({ data }) => data));
    expect((await openTab(url("b"))).status).toBe(404);
  });

  it("goes on without its watchers", async () => {
    const generations = make();
    const url = await serveGenerations(generations);
    const provider = new Scripted();
    const { finished } = await generations.start("a", provider.source);
    const tab = await openTab(url("a"));
    provider.say(start, "one ");
    await tab.has(2);
    tab.close();
    provider.say("two", finish);
    expect(await finished).toMatchObject({ status: "finished", text: "one two" });
  });

  it("is stopped when nobody watches, where that is asked for", async () => {
    const generations = make();
    const url = await serveGenerations(generations);
    const provider = new Scripted();
    const options = { stopWhenUnwatched: 500 };
    const { finished } = await generations.start("a", provider.source, options);
    const tab = await openTab(url("a"));
    provider.say(start, "one");
    await tab.has(2);
    tab.close();
    expect(await finished).toMatchObject({ status: "aborted", text: "one" });
    expect(provider.signal?.aborted).toBe(true);
    expect(provider.stopped).toBe(true);
  });

  it("has one run per id at a time, and the id again after the end", async () => {
    const generations = make();
    const [first, second] = [new Scripted(), new Scripted()];
    const { finished } = await generations.start("a", first.source);
    const error = await errorOf(() => generations.start("a", second.source));
    expect(error).toMatchObject({ name: "SseError", code: "generation-exists" });
    expect(second.asked).toBe(0);
    first.say(...answering("1"));
    await finished;
    const again = await generations.start("a", second.source);
    second.say(...answering("2"));
    expect((await again.finished).text).toBe("2");
    expect((await generations.get("a"))?.text).toBe("2");
  });

  it("tells how far it has come, and what it took", async () => {
    const seen: unknown[] = [];
    const generations = make({
      prices: { m: { input: 1e6, output: 2e6 } },
      onUsage: (usage, state) => seen.push([usage.totalTokens, state.id, state.text]),
      onFinish: (state) => seen.push([state.status, state.text]),
    });
    const provider = new Scripted();
    const { finished } = await generations.start("a", provider.source);
    provider.say(start, "Hi");
    await eventually(() => provider.asked === 1, "question");
    expect(await generations.get("a")).toMatchObject({ status: "running", protocol: "events" });
    provider.say(" you", ...answering().slice(1));
    await finished;
    const state = await generations.get("a");
    expect(state).toEqual(await finished);
    expect(state).toMatchObject({
      id: "a",
      status: "finished",
      text: "Hi you",
      finishReason: "stop",
      messageId: "a1",
      usage: { inputTokens: 3, outputTokens: 2, totalTokens: 5 },
      estimated: false,
      cost: { input: 3, output: 4, total: 7 },
      timings: { startedAt: expect.any(Number), timeToFirstToken: expect.any(Number) },
    });
    expect(seen).toEqual([
      [5, "a", "Hi you"],
      ["finished", "Hi you"],
    ]);
    expect(await generations.get("b")).toBeUndefined();
  });

  it("has its usage estimated when it is stopped", async () => {
    const generations = make();
    const provider = new Scripted();
    await generations.start("a", provider.source, { prompt: "Say hello" });
    provider.say(start, "Hello, world");
    await eventually(() => provider.asked === 1, "question");
    while ((await generations.get("a"))?.text === "") await new Promise(setImmediate);
    await generations.stop("a");
    const state = await eventualState(generations, "a");
    expect(state).toMatchObject({ status: "aborted", text: "Hello, world", estimated: true });
    expect(state?.usage?.outputTokens).toBeGreaterThan(0);
  });

  it("refuses what is no id, no source and no option", async () => {
    const generations = make();
    const source = () => [];
    for (const id of ["", "x".repeat(513), 7 as never, undefined as never]) {
      for (const action of [
        () => generations.start(id, source),
        () => generations.stop(id),
        () => generations.get(id),
      ]) {
        expect(await errorOf(action)).toMatchObject({ code: "invalid-argument" });
      }
    }
    expect(await errorOf(() => generations.start("a", "hi" as never))).toMatchObject({
      code: "invalid-argument",
    });
    const bad = [{ protocol: "x" }, { key: 1 }, { stopWhenUnwatched: -1 }, { prompt: 1 }];
    for (const options of bad) {
      const error = await errorOf(() => generations.start("a", source, options as never));
      expect(error).toMatchObject({ code: "invalid-option" });
    }
    for (const options of [
      { store: {} },
      { ttl: -1 },
      { protocol: "x" },
      { limits: { idle: 0 } },
      { limits: { bytes: "1" } },
      { onFinish: 1 },
      { storeTimeout: Number.NaN },
    ]) {
      expect(() => createGenerations(options as never)).toThrow(
        expect.objectContaining({ code: "invalid-option" }),
      );
    }
    expect(generations.size).toBe(0);
  });
});

function exposedGc(): () => void {
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc");
}

async function eventualState(generations: ReturnType<typeof make>, id: string) {
  for (let turn = 0; turn < 1000; turn++) {
    const state = await generations.get(id);
    if (state?.usage) return state;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return undefined;
}

describe("stopping", () => {
  it("aborts the provider, and tells the watchers, once", async () => {
    const generations = make();
    const url = await serveGenerations(generations);
    const provider = new Scripted();
    const { finished } = await generations.start("a", provider.source);
    const tab = await openTab(url("a"));
    provider.say(start, "half");
    await tab.has(2);
    expect(await Promise.all([generations.stop("a"), generations.stop("a")])).toEqual([
      true,
      false,
    ]);
    await tab.ended;
    expect(tab.events.at(-1)).toMatchObject({
      event: "error",
      data: '{"error":"The answer was stopped.","code":"ABORTED"}',
    });
    expect([provider.signal?.aborted, provider.stopped]).toEqual([true, true]);
    expect(await generations.stop("a")).toBe(false);
    expect(await finished).toMatchObject({ status: "aborted", text: "half" });
    await generations.start("a", () => answering("new"));
  });

  it("resolves when the id can be used again, also where another one has asked for it", async () => {
    const generations = make();
    const provider = new Scripted();
    await generations.start("a", provider.source);
    await eventually(() => provider.asked === 1, "question");
    const first = generations.stop("a");
    expect(await generations.stop("a")).toBe(false);
    const { finished } = await generations.start("a", () => answering("new"));
    expect(await first).toBe(true);
    expect((await finished).text).toBe("new");
  });

  it("before the start does nothing; before the provider is asked, it is not asked", async () => {
    const generations = make();
    expect(await generations.stop("a")).toBe(false);
    const provider = new Scripted();
    const starting = generations.start("a", provider.source);
    expect(await generations.stop("a")).toBe(true);
    expect(await (await starting).finished).toMatchObject({ status: "aborted", text: "" });
    expect(provider.asked).toBe(0);
  });

  it("does not wait for a provider that never answers", async () => {
    const generations = make();
    const { finished } = await generations.start("a", () => new Promise(() => {}));
    expect(await generations.stop("a")).toBe(true);
    expect((await finished).status).toBe("aborted");
  });
});

describe("closing", () => {
  it("stops what runs, ends those who watch, and lets nothing begin", async () => {
    const generations = createGenerations();
    const url = await serveGenerations(generations);
    const provider = new Scripted();
    const { finished } = await generations.start("a", provider.source);
    const tab = await openTab(url("a"));
    provider.say(start, "half");
    await tab.has(2);
    await generations.close();
    await tab.ended;
    expect(tab.events.at(-1)?.event).toBe("error");
    expect(await finished).toMatchObject({ status: "aborted", text: "half" });
    expect(provider.stopped).toBe(true);
    const error = await errorOf(() => generations.start("b", provider.source));
    expect(error).toMatchObject({ code: "closed" });
    expect(generations.size).toBe(0);
    expect((await openTab(url("a"))).status).toBe(404);
  });

  it("ends those who watch a run whose id has another one by now", async () => {
    const generations = createGenerations();
    const url = await serveGenerations(generations);
    const big = Array.from({ length: 12 }, () => "0123456789abcdef".repeat(64 * 1024));
    await (await generations.start("a", () => answering(...big))).finished;
    await eventually(() => generations.size === 0, "end");
    const slow = await RawClient.stalled(Number(new URL(url("a")).port), "/a");
    await eventually(() => generations.size === 1, "watcher");
    await (await generations.start("a", () => answering("new"))).finished;
    await eventually(() => generations.size === 1, "end of the new one");
    const closed = generations.close();
    slow.read();
    await Promise.all([closed, slow.bodyIsWhole()]);
    expect(slow.body).not.toContain("event:done");
    expect(generations.size).toBe(0);
  });
});

describe("memory", () => {
  it("of what a generation ran with is free after its end", async () => {
    const generations = make();
    const collected = deferred();
    const registry = new FinalizationRegistry(collected.resolve);
    const ended = async () => {
      const question = { prompt: "Hello?" };
      registry.register(question, undefined);
      const source = () => (question.prompt === "" ? [] : answering("Hi"));
      await (await generations.start("a", source)).finished;
    };
    await ended();
    await eventually(() => generations.size === 0, "end");
    const gc = exposedGc();
    const freeing = setInterval(gc, 10);
    await within(collected.promise, "collection").finally(() => clearInterval(freeing));
    expect((await generations.get("a"))?.text).toBe("Hi");
  });

  it("of 10 000 generations that have ended is the store's, for their time", async () => {
    const store = new MemoryStore();
    const generations = make({ store, ttl: 1000 });
    const strays = strayErrors();
    const batch = 500;
    for (let from = 0; from < 10_000; from += batch) {
      const started = Array.from({ length: batch }, (_, at) =>
        generations.start(`${from + at}`, () => answering("Hi")),
      );
      await Promise.all((await Promise.all(started)).map(({ finished }) => finished));
      expect(generations.size).toBe(0);
    }
    await eventually(() => store.size === 0, "empty store");
    expect(await strays()).toEqual([]);
  }, 120_000);

  it("of the store is bounded: the oldest that have ended go first", async () => {
    const store = new MemoryStore({ maxBytes: 20_000 });
    const generations = make({ store });
    for (const id of ["a", "b", "c"]) {
      const { finished } = await generations.start(id, () => answering("x".repeat(8000)));
      await finished;
    }
    expect(store.size).toBe(2);
    expect(await generations.get("a")).toBeUndefined();
    expect((await generations.get("c"))?.text).toHaveLength(8000);
    expect(() => new MemoryStore({ maxBytes: -1 })).toThrow(/maxBytes/);
  });
});

it("reads its provider at full speed, and lets timers have their turn", async () => {
  const generations = make({ limits: { duration: 50, bytes: Number.MAX_VALUE } });
  function* endless() {
    yield start;
    for (;;) yield text("x");
  }
  const { finished } = await generations.start("a", endless);
  expect((await finished).error?.code).toBe("max-duration");
});

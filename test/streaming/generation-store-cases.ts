import { describe, expect, it } from "vitest";
import {
  type GenerationInfo,
  type GenerationProducer,
  type GenerationStore,
  isTerminal,
  type Part,
} from "../../lib/streaming/server.ts";
import { deferred, errorOf, eventually } from "../e2e/harness.ts";
import { answering, make, openTab, Scripted, serveGenerations, text } from "./generations-setup.ts";
import { finish, start } from "./written.ts";

/** Makes a place to keep generations in, empty; the function that it returns connects a server to it. */
export type SetUp = () => Promise<() => GenerationStore>;

/** A store that tells of new parts late. */
function lagging(store: GenerationStore, told: Promise<void>): GenerationStore {
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

let runs = 0;

export function infoOf(id: string, ttl = 60_000): GenerationInfo {
  return { id, run: `run${++runs}`, protocol: "events", startedAt: 1_700_000_000_000, ttl };
}

/** A producer that says what it was told. */
export function told() {
  const calls: string[] = [];
  const producer: GenerationProducer = {
    stop: () => void calls.push("stop"),
    lost: () => void calls.push("lost"),
  };
  return { calls, producer };
}

/** Reads a run to its end, as a follower does. */
export async function readToEnd(store: GenerationStore, info: GenerationInfo): Promise<Part[]> {
  const read: Part[] = [];
  const { signal } = new AbortController();
  while (!read.some(isTerminal)) {
    const parts = await store.read(info, read.length, signal);
    if (!parts) throw new Error("not kept");
    read.push(...parts);
  }
  return read;
}

/** What every store does, whatever it keeps generations in. */
export function storeCases(setUp: SetUp): void {
  /** Two processes with one store, as far as the store can tell. */
  async function twoServers() {
    const connect = await setUp();
    const [here, there] = [make({ store: connect() }), make({ store: connect() })];
    return { here, there, url: await serveGenerations(there) };
  }

  describe("a store", () => {
    it("gives an id to one run at a time, whoever asks", async () => {
      const connect = await setUp();
      const [here, there] = [connect(), connect()];
      const [one, other, next] = [infoOf("a"), infoOf("a"), infoOf("a")];
      const leases = await Promise.all([
        here.create(one, told().producer),
        there.create(other, told().producer),
      ]);
      expect(leases.filter(Boolean)).toHaveLength(1);
      const winner = leases[0] ? one : other;
      expect((await there.find("a"))?.info).toEqual(winner);
      await (leases[0] ?? leases[1])?.append([finish]);
      expect(await there.create(next, told().producer)).toBeDefined();
      expect((await here.find("a"))?.info).toEqual(next);
    });

    it("has the parts in order, each once, from any number on, with and without waiting", async () => {
      const connect = await setUp();
      const [here, there] = [connect(), connect()];
      const info = infoOf("a");
      const lease = await here.create(info, told().producer);
      const parts = answering(..."abcdefgh");
      const reading = readToEnd(there, (await there.find("a"))?.info as GenerationInfo);
      for (let at = 0; at < parts.length; at += 3) await lease?.append(parts.slice(at, at + 3));
      expect(await reading).toEqual(parts);
      for (let from = 0; from <= parts.length; from++) {
        expect(await there.read(info, from)).toEqual(parts.slice(from));
        expect(await there.read({ ...info }, from)).toEqual(parts.slice(from));
      }
      // After the end, nobody waits for more.
      expect(await there.read(info, parts.length, new AbortController().signal)).toEqual([]);
    });

    it("gives back what is in a part as it was", async () => {
      const connect = await setUp();
      const info = infoOf("a");
      const lease = await connect().create(info, told().producer);
      const strange = " \u2028\r\n\0\ud83d\ude00]==]\"\\ 'n' parts";
      await lease?.append([text(strange), text("")]);
      expect(await connect().read(info, 0)).toEqual([text(strange), text("")]);
    });

    it("stops waiting when it is told to", async () => {
      const connect = await setUp();
      const info = infoOf("a");
      await connect().create(info, told().producer);
      const abort = new AbortController();
      const waiting = connect().read(info, 0, abort.signal);
      abort.abort();
      expect(await waiting).toEqual([]);
      expect(await connect().read(info, 0, abort.signal)).toEqual([]);
    });

    it("tells the producer of a stop once, also when it is silent", async () => {
      const connect = await setUp();
      const { calls, producer } = told();
      const info = infoOf("a");
      const lease = await connect().create(info, producer);
      expect(await connect().stop(info)).toBe(true);
      await eventually(() => calls.length > 0, "stop");
      expect(await connect().stop(info)).toBe(false);
      await lease?.append([{ type: "abort" }]);
      expect(await connect().stop(info)).toBe(false);
      expect(new Set(calls)).toEqual(new Set(["stop"]));
      expect(await connect().stop(infoOf("b"))).toBe(false);
    });

    it("keeps what has ended for its time, with its report", async () => {
      const connect = await setUp();
      const [info, brief] = [infoOf("a"), infoOf("b", 200)];
      const report = { status: "finished", estimated: false };
      const store = connect();
      for (const each of [info, brief]) {
        const lease = await store.create(each, told().producer);
        await lease?.append([text("x"), finish]);
        await lease?.end(report as never);
      }
      await expect.poll(() => store.find("b"), { timeout: 5000 }).toBeUndefined();
      expect(await connect().find("a")).toMatchObject({ info, report });
    });

    it.each([
      ["empty", ""],
      ["with a hash tag", "a}{b"],
      ["with half of one", "{"],
      ["with control characters", "../x\r\n\0*"],
      ["__proto__", "__proto__"],
      ["not in ASCII", "é\ud83d\ude00"],
      ["as long as may be", "x".repeat(512)],
    ])("knows nothing of an id that nobody has used, also one that is %s", async (_, id) => {
      const connect = await setUp();
      const info = infoOf(id);
      expect(await connect().find(id)).toBeUndefined();
      expect(await connect().read(info, 0)).toBeUndefined();
      const lease = await connect().create(info, told().producer);
      await lease?.append([text(id), finish]);
      expect((await connect().find(id))?.info).toEqual(info);
      expect(await connect().read(info, 0)).toEqual([text(id), finish]);
      expect(await connect().find(`${id}*`)).toBeUndefined();
    });
  });

  describe("a generation of another server", () => {
    it("is watched, resumed and stopped from here", async () => {
      const { here, there, url } = await twoServers();
      const provider = new Scripted();
      const { finished } = await here.start("a", provider.source);
      const ownUrl = await serveGenerations(here);
      const own = await openTab(ownUrl("a"));
      provider.say(start, "one ", "two ");
      await own.has(3);
      // It may know more than the other server does yet.
      const resumed = await openTab(url("a"), own.events[1]?.id);
      const tab = await openTab(url("a"));
      await resumed.has(1);
      provider.say("three ");
      await eventually(() => tab.text === "one two three ", "three tokens");
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

  describe("an id that has another run by now", () => {
    async function followed() {
      const told = deferred();
      const connect = await setUp();
      const here = make({ store: connect() });
      const there = make({ store: lagging(connect(), told.promise) });
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

  it("takes a new question in place of an answer that runs on another server", async () => {
    const { here, there, url } = await twoServers();
    const provider = new Scripted();
    await here.start("a", provider.source);
    const tab = await openTab(url("a"));
    provider.say(start, "old");
    await tab.has(2);
    // As `replace` does.
    await there.stop("a");
    const next = await there.start("a", () => answering("new"));
    expect((await next.finished).text).toBe("new");
    await tab.ended;
    expect(tab.text).toBe("old");
    expect(tab.events.at(-1)).toMatchObject({ event: "error" });
    expect(provider.signal?.aborted).toBe(true);
  });
}

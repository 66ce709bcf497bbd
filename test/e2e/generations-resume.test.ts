import { describe, expect, it } from "vitest";
import type { Part } from "../../lib/streaming/server.ts";
import {
  answering,
  make,
  openTab,
  Scripted,
  serveGenerations,
  textOf,
} from "../streaming/generations-setup.ts";
import { finish, start } from "../streaming/written.ts";
import { eventually, RawClient } from "./harness.ts";

const words = Array.from({ length: 40 }, (_, at) => `word${at} `);

/** A generation in the middle of its answer, with a tab that has read so much. */
async function half(options: Parameters<typeof make>[0] = {}, watch = {}) {
  const generations = make(options);
  const url = (await serveGenerations(generations, watch))("a");
  const provider = new Scripted();
  const { finished } = await generations.start("a", provider.source);
  const tab = await openTab(url);
  provider.say(start, ...words.slice(0, 20));
  await tab.has(21);
  const end = () => {
    provider.say(...words.slice(20), finish);
    return finished;
  };
  return { generations, url, provider, tab, end };
}

describe("a client that comes back", () => {
  it("goes on after each event that it may have got last", async () => {
    const { url, tab, end } = await half();
    const resumed = await Promise.all(tab.events.map(({ id }) => openTab(url, id)));
    await end();
    await Promise.all([tab.ended, ...resumed.map(({ ended }) => ended)]);
    for (const [at, { events }] of resumed.entries()) {
      expect([...tab.events.slice(0, at + 1), ...events]).toEqual(tab.events);
    }
    const late = await Promise.all(tab.events.map(({ id }) => openTab(url, id)));
    await Promise.all(late.map(({ ended }) => ended));
    for (const [at, { events }] of late.entries()) {
      expect([...tab.events.slice(0, at + 1), ...events]).toEqual(tab.events);
    }
    expect(late.map(({ status }) => status).lastIndexOf(200)).toBe(late.length - 2);
    expect(late.at(-1)?.status).toBe(204);
  });

  it("goes on from a replay as well", async () => {
    const { url, tab, end } = await half();
    const replayed = await openTab(url);
    await replayed.has(2);
    const resumed = await openTab(url, replayed.events.at(-1)?.id);
    await end();
    await Promise.all([tab.ended, resumed.ended]);
    expect(textOf([...replayed.events.slice(0, 2), ...resumed.events])).toBe(words.join(""));
  });

  it.each([
    ["forged", (id: string) => `${id.split(".")[0]}.999999`],
    ["of another generation", () => "0000000000000ab.1"],
    ["of no form", () => "x"],
    ["with more to it", (id: string) => `${id}.1`],
    ["negative", (id: string) => `${id.split(".")[0]}.-1`],
    ["huge", (id: string) => `${id.split(".")[0]}.${"9".repeat(400)}`],
  ])("is told of the gap when its id is %s", async (_, forge) => {
    const { url, tab, end } = await half();
    const resumed = await openTab(url, forge(tab.events.at(-1)?.id ?? ""));
    await end();
    await resumed.ended;
    expect(resumed.events[0]).toEqual({
      event: "gap",
      id: undefined,
      data: '{"reason":"unknown-id"}',
    });
    expect(resumed.text).toBe(words.join(""));
  });

  it("is told of the gap when its events were evicted, and gets what there is", async () => {
    const { url, tab, end } = await half({ limits: { logBytes: 500 } });
    const [old, recent] = [tab.events[2]?.id, tab.events.at(-2)?.id];
    const evicted = await openTab(url, old);
    const held = await openTab(url, recent);
    await end();
    await Promise.all([evicted.ended, held.ended]);
    expect(evicted.events[0]).toMatchObject({ event: "gap", data: '{"reason":"evicted"}' });
    expect(evicted.text).toBe(words.join(""));
    expect(held.text).toBe(words.slice(19).join(""));
  });

  it("is trusted only where the session's options say so", async () => {
    const { url, tab, end } = await half({}, { trustClientEventId: false });
    const resumed = await openTab(url, tab.events.at(-1)?.id);
    await end();
    await resumed.ended;
    expect(resumed.text).toBe(words.join(""));
    expect(resumed.events[0]?.event).toBe("start");
  });
});

describe("a replay", () => {
  const big = "0123456789abcdef".repeat(64 * 1024);

  it("larger than what may wait for a client reaches it whole, then what is live", async () => {
    const generations = make();
    const url = (await serveGenerations(generations, { maxBufferedBytes: 4096 }))("a");
    const provider = new Scripted();
    await generations.start("a", provider.source);
    const tokens = Array.from({ length: 3000 }, (_, at) => `${at}\n\u{1F600}"`);
    provider.say(start, ...tokens);
    const witness = await openTab(url);
    const client = await RawClient.stalled(Number(new URL(url).port), "/a");
    await witness.has(2);
    const slow = await openTab(url, witness.events[0]?.id);
    provider.say(" live", finish);
    await Promise.all([witness.ended, slow.ended]);
    client.read();
    await client.bodyIsWhole();
    const whole = `${tokens.join("")} live`;
    expect(witness.text).toBe(whole);
    expect(client.body).toContain("event:done");
  });

  it("larger than what may wait for a client costs it nothing when the answer goes on", async () => {
    const generations = make();
    const url = (await serveGenerations(generations))("a");
    const provider = new Scripted();
    const { finished } = await generations.start("a", provider.source);
    provider.say(start, ...Array.from({ length: 12 }, () => big));
    const slow = await RawClient.stalled(Number(new URL(url).port), "/a");
    const witness = await openTab(url);
    await witness.has(2);
    provider.say(" live");
    await witness.has(3);
    provider.say(" to the end", finish);
    await Promise.all([finished, witness.ended]);
    slow.read();
    await slow.bodyIsWhole();
    expect(slow.body.endsWith(witness.body.slice(-200))).toBe(true);
  });

  it("and live events of 1 MiB reach clients that read, each whole", async () => {
    const generations = make();
    const url = (await serveGenerations(generations))("a");
    const provider = new Scripted();
    const { finished } = await generations.start("a", provider.source);
    const live = await openTab(url);
    const deltas = Array.from({ length: 4 }, (_, at) => `${at}${big}`);
    provider.say(start, "small ", ...deltas, " small");
    const late = await openTab(url);
    provider.say(...deltas, finish);
    await Promise.all([finished, live.ended, late.ended]);
    const whole = ["small ", ...deltas, " small", ...deltas].join("");
    expect(live.text === whole).toBe(true);
    expect(late.text === whole).toBe(true);
  });

  it("is what a provider that is faster than its clients makes of what is live", async () => {
    const generations = make();
    const url = (await serveGenerations(generations))("a");
    const provider = new Scripted();
    const { finished } = await generations.start("a", provider.source);
    const tabs = await Promise.all([openTab(url), openTab(url)]);
    const slow = await RawClient.stalled(Number(new URL(url).port), "/a");
    provider.say(start, "first");
    await Promise.all(tabs.map(({ has }) => has(2)));
    const tokens = Array.from({ length: 1500 }, (_, at) => `${at}${"x".repeat(8000)}`);
    provider.say(...tokens, finish);
    await finished;
    slow.read();
    await Promise.all([...tabs.map(({ ended }) => ended), slow.bodyIsWhole()]);
    const whole = `first${tokens.join("")}`;
    for (const tab of tabs) {
      expect(tab.text === whole).toBe(true);
      expect(tab.events.at(-1)?.event).toBe("done");
    }
    expect(slow.body).toContain("event:done");
  });

  it("costs a client that has stalled its place, and nobody else", async () => {
    const generations = make({ limits: { logBytes: 4096 } });
    const watch = { maxBufferedBytes: 64 * 1024, writeTimeout: 500 };
    const url = (await serveGenerations(generations, watch))("a");
    const provider = new Scripted();
    const { finished } = await generations.start("a", provider.source);
    const live = await openTab(url);
    const stalled = await RawClient.stalled(Number(new URL(url).port), "/a");
    provider.say(start, "first");
    await live.has(2);
    const deltas = Array.from({ length: 12 }, () => big);
    provider.say(...deltas.flatMap((delta) => [delta, "x"]), finish);
    await Promise.all([finished, live.ended]);
    expect(live.text === `first${deltas.map((delta) => `${delta}x`).join("")}`).toBe(true);
    // The server has cut it: it is not read before.
    await eventually(() => generations.size === 0, "end of the stalled client");
    stalled.read();
    await stalled.ended;
    expect(stalled.body).not.toContain("event:done");
  });
});

it("tells protocols without events of their own by a comment, which their clients ignore", async () => {
  const generations = make({ protocol: "openai" });
  const url = (await serveGenerations(generations))("a");
  const { finished } = await generations.start("a", (): Part[] => answering("Hi"));
  await finished;
  const tab = await openTab(url, "unknown");
  await tab.ended;
  expect(tab.comments).toEqual(["gap: unknown-id"]);
  expect(tab.events.at(-1)?.data).toBe("[DONE]");
});

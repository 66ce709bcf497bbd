import { setTimeout as wait } from "node:timers/promises";
import fc from "fast-check";
import { expect, it } from "vitest";
import {
  make,
  openTab,
  Scripted,
  serveGenerations,
  textOf,
} from "../streaming/generations-setup.ts";
import { finish, start } from "../streaming/written.ts";
import type { SeenEvent } from "./harness.ts";

const burst = fc.record({
  tokens: fc.array(fc.nat({ max: 10 }), { maxLength: 200 }),
  longest: fc.constantFrom(1, 400),
  next: fc.constantFrom("nothing", "a pause", "a new tab", "a tab that comes back"),
});

const runs = fc.record({
  bursts: fc.array(burst, { minLength: 20, maxLength: 40 }),
  maxBufferedBytes: fc.constantFrom(2048, 16 * 1024, 256 * 1024),
  logBytes: fc.constantFrom(256, 16 * 1024, 1024 * 1024),
});

it("every tab has the whole answer, whatever the paces and the limits", async () => {
  const same = fc.asyncProperty(runs, async ({ bursts, maxBufferedBytes, logBytes }) => {
    const generations = make({ limits: { logBytes } });
    const url = (await serveGenerations(generations, { maxBufferedBytes }))("a");
    const provider = new Scripted();
    const { finished } = await generations.start("a", provider.source);
    provider.say(start);
    const first = await openTab(url);
    const tabs = [{ before: [] as SeenEvent[], tab: first }];
    let whole = "";
    for (const [at, { tokens, longest, next }] of bursts.entries()) {
      const said = tokens.map(
        (length, index) => `${at}.${index} ${"é\n".repeat(length * longest)}`,
      );
      provider.say(...said);
      whole += said.join("");
      if (next === "a pause") await wait(2);
      if (next === "a new tab") tabs.push({ before: [], tab: await openTab(url) });
      if (next !== "a tab that comes back") continue;
      const before = [...first.events];
      const id = before.at(-1)?.id;
      tabs.push({ before: id ? before : [], tab: await openTab(url, id) });
    }
    provider.say(finish);
    expect((await finished).text === whole).toBe(true);
    for (const { before, tab } of tabs) {
      await tab.ended;
      const goesOn = tab.events[0]?.event !== "gap";
      expect(tab.events.at(-1)?.event).toBe("done");
      expect(textOf(goesOn ? [...before, ...tab.events] : tab.events) === whole).toBe(true);
    }
    await generations.close();
  });
  await fc.assert(same, { numRuns: Number(process.env.RUNS ?? 8), endOnFailure: true });
}, 120_000);

import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { launchBrowser } from "./browser.ts";
import { answerOf, ask, collectErrors, meterOf, openPage, watchAnswer } from "./demo-page.ts";
import { Demo } from "./demo-server.ts";
import { patience, within } from "./harness.ts";
import { fakeProvider } from "./providers.ts";

const shots = fileURLToPath(new URL("../../test-artifacts/demo/", import.meta.url));
mkdirSync(shots, { recursive: true });

const words = Array.from({ length: 150 }, (_, i) => (i === 0 ? "Word" : ` ${i}`));

async function setUp(options: Parameters<typeof fakeProvider>[0]) {
  const provider = await fakeProvider(options);
  const demo = await Demo.start({
    OPENAI_API_KEY: "test",
    OPENAI_BASE_URL: `${provider.origin}/v1`,
  });
  const context = await (await launchBrowser()).newContext();
  const errors = collectErrors(context);
  return { provider, demo, errors, page: await openPage(context, demo) };
}

/** Another tab, which gets a copy of this one's session storage, as a duplicated tab does. */
async function duplicate(page: Page): Promise<Page> {
  const [copy] = await Promise.all([
    page.waitForEvent("popup"),
    page.evaluate(() => {
      window.open(location.href);
    }),
  ]);
  copy.setDefaultTimeout(patience);
  return copy;
}

const done = (page: Page) => meterOf(page).filter({ hasText: "Done" }).waitFor();

describe("a page that is reloaded mid-answer", { timeout: 60_000 }, () => {
  test("goes on to the same whole text, as does a second tab; the model was asked once", async () => {
    const { provider, page, errors } = await setUp({ tokens: words, pause: 50 });
    await ask(page, "Count");
    const before = (await watchAnswer(page, 5)).at(-1) as string;
    await page.reload();
    expect(await page.locator(".question").textContent()).toBe("Count");
    const [again] = await watchAnswer(page, 3);
    expect(again?.startsWith(before)).toBe(true);
    await page.screenshot({ path: `${shots}reloaded.png` });

    const second = await duplicate(page);
    await page.reload();
    await Promise.all([done(page), done(second)]);
    expect(await answerOf(page).textContent()).toBe(words.join(""));
    expect(await answerOf(second).textContent()).toBe(words.join(""));
    expect(await meterOf(page).textContent()).toContain("150\u00a0tokens");
    expect(provider.requests.seen).toHaveLength(1);
    expect(errors).toEqual([]);

    await page.reload();
    await page.locator("#count", { hasText: /\d/ }).waitFor();
    expect(await page.locator(".turn").count()).toBe(0);
  });

  test("stops the model with Stop, for all tabs", async () => {
    const { provider, demo, page, errors } = await setUp({ endless: true });
    await ask(page, "Go on for ever");
    const { aborted } = await provider.requests.next("request");
    await watchAnswer(page, 3);
    await page.reload();
    await watchAnswer(page, 3);
    const second = await duplicate(page);
    await watchAnswer(second, 2);
    await page.bringToFront();
    await page.getByRole("button", { name: "Stop" }).click();
    await within(aborted, "cancelled request");
    await demo.printed("aborted (stopped)");
    for (const tab of [page, second]) {
      await meterOf(tab).filter({ hasText: "Stopped" }).waitFor();
    }
    expect(errors).toEqual([]);
  });

  test("says so when the answer is not kept any more", async () => {
    const { page, demo } = await setUp({});
    await page.evaluate(() => {
      const gone = [{ address: "/api/chat/gone", prompt: "Long ago" }];
      sessionStorage.setItem("running", JSON.stringify(gone));
    });
    await page.goto(demo.origin);
    await meterOf(page).filter({ hasText: "not kept any more" }).waitFor();
    await page.reload();
    await page.locator("#count", { hasText: /\d/ }).waitFor();
    expect(await page.locator(".turn").count()).toBe(0);
  });
});

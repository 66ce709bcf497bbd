import type { BrowserContextOptions, Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { launchBrowser } from "./browser.ts";
import {
  ask,
  meterOf,
  openPage,
  overflow,
  ready,
  save,
  seriousViolations,
  stands,
} from "./demo-page.ts";
import { Demo } from "./demo-server.ts";

const desktop = { viewport: { width: 1180, height: 800 } };
const phone = {
  viewport: { width: 390, height: 780 },
  deviceScaleFactor: 2,
  hasTouch: true,
  isMobile: true,
};
const kinds: Record<string, BrowserContextOptions> = {
  light: { ...desktop, colorScheme: "light" },
  dark: { ...desktop, colorScheme: "dark" },
  phone: { ...phone, colorScheme: "light" },
  "phone-dark": { ...phone, colorScheme: "dark" },
};

async function open(options: BrowserContextOptions, env = { DEMO_PACE: "0.05" }): Promise<Page> {
  const demo = await Demo.start(env);
  const browser = await launchBrowser();
  return openPage(await browser.newContext(options), demo.origin);
}

const background = (page: Page) =>
  page.evaluate(() => getComputedStyle(document.body).backgroundColor);

/** How many figures show the dot before them although they begin a line. */
const dotsThatBeginLines = (page: Page) =>
  page.locator(".meter").evaluateAll((meters) => {
    const left = (element: Element) => element.getBoundingClientRect().left;
    const isClipped = (meter: Element) => getComputedStyle(meter).overflowX === "clip";
    const begins = (meter: Element) =>
      [...meter.children].filter((figure) => Math.abs(left(figure) - left(meter)) < 1);
    // What a meter of several lines does not clip is seen.
    return meters.filter((meter) => begins(meter).length === 0 || !isClipped(meter)).length;
  });

/** px of the page below the screen. */
const fromEnd = (page: Page) =>
  page.evaluate(() => {
    const { scrollHeight, clientHeight, scrollTop } = document.documentElement;
    return scrollHeight - clientHeight - scrollTop;
  });

describe("the chat page", { timeout: 120_000 }, () => {
  test.each(Object.entries(kinds))("is accessible and fits: %s", async (name, options) => {
    const page = await open(options);
    expect(await seriousViolations(page)).toEqual([]);
    expect(await overflow(page)).toBeLessThanOrEqual(0);
    await save(page, `empty-${name}`);

    for (const prompt of ["Show me some code", "How does SSE work?", "Compare them in a table"]) {
      await ask(page, prompt);
      await page.locator(".turn", { hasText: prompt }).waitFor();
      await stands(page, "Done");
    }
    expect(await seriousViolations(page)).toEqual([]);
    expect(await overflow(page)).toBeLessThanOrEqual(0);
    expect(await dotsThatBeginLines(page)).toBe(0);
    await meterOf(page).filter({ hasText: "tokens/s" }).waitFor();
    await expect.poll(() => fromEnd(page)).toBeLessThan(1);
    await save(page, `answers-${name}`);
    await save(page, `answers-whole-${name}`, { fullPage: true });
  });

  test("is accessible while it answers, and tells a screen reader paragraphs, not tokens", async () => {
    const page = await open(kinds.light as BrowserContextOptions, { DEMO_PACE: "0.4" });
    await page.evaluate(() => {
      const told: string[] = [];
      Object.assign(globalThis, { told });
      const status = document.querySelector("[role=status]") as HTMLElement;
      const note = () => told.push(status.textContent ?? "");
      new MutationObserver(note).observe(status, {
        childList: true,
        characterData: true,
        subtree: true,
      });
    });
    await ask(page, "A poem, please");
    await stands(page, "Answering");
    expect(await page.locator(".answer").getAttribute("aria-busy")).toBe("true");
    expect(await seriousViolations(page)).toEqual([]);
    await stands(page, "Done");
    expect(await page.locator(".answer").getAttribute("aria-busy")).toBe("false");
    // biome-ignore lint/suspicious/noExplicitAny: a global of the page
    const told: string[] = await page.evaluate(() => (globalThis as any).told);
    expect(told[0]).toBe("Waiting for the answer.");
    expect(told.length).toBeLessThanOrEqual(6);
    expect(told.filter((text) => text.includes("The rain arrives"))).toHaveLength(1);
    expect(told.at(-1)).toMatch(/That was the cost\.\s+End of the answer\.$/);
  });

  test("follows the system's theme until the reader chooses, also after a reload", async () => {
    const page = await open(kinds.dark as BrowserContextOptions);
    const dark = await background(page);
    const toggle = page.getByRole("switch", { name: "Dark theme" });
    expect(await toggle.getAttribute("aria-checked")).toBe("true");
    await toggle.click();
    const light = await background(page);
    expect(light).not.toBe(dark);
    await page.reload();
    await ready(page);
    expect(await background(page)).toBe(light);
    await page.emulateMedia({ colorScheme: "light" });
    expect(await background(page)).toBe(light);
    await toggle.click();
    expect(await background(page)).toBe(dark);
  });

  test("is used with the keyboard alone, in the order of the page", async () => {
    const page = await open(kinds.light as BrowserContextOptions);
    const focused = () =>
      page.evaluate(() => {
        const { activeElement: element } = document;
        return element?.getAttribute("aria-label") || element?.id || element?.textContent;
      });
    expect(await focused()).toBe("prompt");
    await page.keyboard.type("Hello");
    await page.keyboard.press("Enter");
    await stands(page, "Done");
    expect(await focused()).toBe("prompt");

    await page.locator("summary").focus();
    const order: (string | null | undefined)[] = [];
    for (let step = 0; step < 5; step++) {
      await page.keyboard.press("Tab");
      order.push(await focused());
    }
    expect(order).toEqual(["New chat", "Dark theme", "Copy answer", "Ask again", "prompt"]);
    const outline = await page.evaluate(() => {
      const label = document.querySelector("[aria-label='Dark theme']") as HTMLElement;
      label.focus();
      return getComputedStyle(label).outlineStyle;
    });
    expect(outline).toBe("solid");
  });

  test("moves nothing for those who want no motion", async () => {
    const page = await open({ ...desktop, reducedMotion: "reduce" }, { DEMO_PACE: "4" });
    await ask(page, "A poem, please");
    await stands(page, "Answering");
    const dimmed = await page
      .locator(".answer")
      .evaluate((answer) => getComputedStyle(answer).getPropertyValue("--dimmed"));
    expect(dimmed).toBe("1");
    await page.keyboard.press("Escape");
  });
});

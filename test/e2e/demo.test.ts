import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { launchBrowser } from "./browser.ts";
import { answerOf, ask, collectErrors, meterOf, openPage, watchAnswer } from "./demo-page.ts";
import { Demo } from "./demo-server.ts";

const shots = fileURLToPath(new URL("../../test-artifacts/demo/", import.meta.url));
mkdirSync(shots, { recursive: true });

/** Answers that last longer than a busy machine needs to look at them. */
const slowly = { DEMO_PACE: "4" };

describe("the chat page", { timeout: 60_000 }, () => {
  test("streams an answer, stops it, and shows who is here", async () => {
    const demo = await Demo.start(slowly);
    const browser = await launchBrowser();
    const context = await browser.newContext({ viewport: { width: 1180, height: 800 } });
    const errors = collectErrors(context);
    const page = await openPage(context, demo);
    const save = (name: string, of = page) =>
      of.screenshot({ path: `${shots}${name}.png`, animations: "disabled" });
    await save("empty");

    await ask(page, "A poem, please");
    const states = await watchAnswer(page, 5);
    for (const [index, state] of states.entries()) {
      if (index > 0) expect(state.startsWith(states[index - 1] as string)).toBe(true);
    }
    await save("mid-answer");

    const second = await openPage(context, demo);
    await page.locator("#count", { hasText: /^2$/ }).waitFor();
    await second.locator("#count", { hasText: /^2$/ }).waitFor();
    await second.getByText("reading “A poem about rain”").waitFor();
    await save("two-tabs", second);

    await page.bringToFront(); // a tab that nobody sees gets no frames
    await page.getByRole("button", { name: "Stop" }).click();
    await meterOf(page).filter({ hasText: "Stopped" }).waitFor();
    expect(await meterOf(page).textContent()).toMatch(/\d+\sms\sto\sfirst\stoken · .*\d+\stokens$/);
    await demo.printed("aborted (stopped)");
    await second.getByText("reading").first().waitFor({ state: "hidden" });
    await save("stopped");

    await second.close();
    await page.locator("#count", { hasText: /^1$/ }).waitFor();
    expect(errors).toEqual([]);
  });

  test("streams several answers at once; Escape stops the newest", async () => {
    const demo = await Demo.start(slowly);
    const browser = await launchBrowser();
    const context = await browser.newContext();
    const errors = collectErrors(context);
    const page = await openPage(context, demo);

    await ask(page, "Show me some code");
    await ask(page, "How do server-sent events work?");
    await watchAnswer(page, 2);
    expect(await page.getByRole("button", { name: "Stop" }).count()).toBe(2);
    await page.keyboard.press("Escape");
    await meterOf(page).filter({ hasText: "Stopped" }).waitFor();
    expect(await page.getByRole("button", { name: "Stop" }).count()).toBe(1);
    expect(errors).toEqual([]);
  });

  test("shows a whole answer, code with its spaces and line breaks", async () => {
    const demo = await Demo.start({ DEMO_PACE: "0.1" });
    const browser = await launchBrowser();
    const context = await browser.newContext();
    const errors = collectErrors(context);
    const page = await openPage(context, demo);

    await ask(page, "Show me some code");
    await meterOf(page).filter({ hasText: "Done" }).waitFor();
    const code = await page.locator(".answer pre").first().textContent();
    expect(code).toContain("\n  const session = await createSession(req, res);\n\n  for (let");
    expect(await page.getByRole("button", { name: "Stop" }).count()).toBe(0);
    await page.screenshot({ path: `${shots}whole.png`, fullPage: true });
    expect(errors).toEqual([]);
  });

  test("never makes markup of a prompt or an answer", async () => {
    const demo = await Demo.start();
    const browser = await launchBrowser();
    const context = await browser.newContext();
    const page = await openPage(context, demo);
    await ask(page, "<img src=x onerror=alert(1)> **<b>bold</b>**");
    await answerOf(page).getByText("onerror=alert(1)").waitFor();
    expect(await page.locator(".turn img, .turn b").count()).toBe(0);
    await page.keyboard.press("Escape");
  });

  test("says when an answer broke off, and does not ask again by itself", async () => {
    const demo = await Demo.start(slowly);
    const browser = await launchBrowser();
    const context = await browser.newContext();
    const page = await openPage(context, demo);
    let requests = 0;
    page.on("request", (request) => {
      if (request.url().endsWith("/api/chat")) requests++;
    });
    await ask(page, "A poem, please");
    await watchAnswer(page, 2);
    await demo.end("SIGKILL");
    await meterOf(page).filter({ hasText: "ended before the answer did" }).waitFor();
    await page.getByText("Connection lost").waitFor();
    await page.screenshot({ path: `${shots}broken-off.png` });
    expect(requests).toBe(1);
  });

  test("looks right in the dark and on a phone", async () => {
    const demo = await Demo.start({ DEMO_PACE: "2" });
    const browser = await launchBrowser();
    const dark = await browser.newContext({
      viewport: { width: 1180, height: 800 },
      colorScheme: "dark",
    });
    const phone = await browser.newContext({
      viewport: { width: 390, height: 780 },
      deviceScaleFactor: 2,
      hasTouch: true,
      isMobile: true,
    });
    for (const [name, context] of Object.entries({ dark, phone })) {
      const page = await openPage(context, demo);
      await ask(page, "Show me some code");
      await page.locator(".answer pre").waitFor();
      await watchAnswer(page, 10);
      await page.screenshot({ path: `${shots}${name}.png` });
      const [width, inner] = await page.evaluate(() => [
        document.documentElement.scrollWidth,
        window.innerWidth,
      ]);
      expect(width).toBeLessThanOrEqual(inner as number);
    }
  });
});

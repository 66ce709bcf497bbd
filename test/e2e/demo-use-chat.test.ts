import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { bundle } from "../react/rig.ts";
import { launchBrowser } from "./browser.ts";
import { ask, refusalOf } from "./demo-asking.ts";
import { collectErrors } from "./demo-page.ts";
import { Demo } from "./demo-server.ts";
import { patience } from "./harness.ts";

const question = { id: "q1", role: "user", parts: [{ type: "text", text: "Hi" }] };

async function tokenOf(demo: Demo): Promise<string> {
  const response = await ask(demo, "/session", { method: "POST" });
  return (await response.json()).token;
}

/** A page with `useChat`, on the demo's own origin. */
async function openChat(page: Page, demo: Demo, token: string) {
  const script = await bundle("page/ai-sdk.ts", "19", "browser");
  const transport = { api: "/api/use-chat", headers: { Authorization: `Bearer ${token}` } };
  const head = `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,">`;
  const settings = `<script>globalThis.transport = ${JSON.stringify(transport)}</script>`;
  const body = `${head}<div id="root"></div>${settings}<script src="/use-chat.js"></script>`;
  await page.route("**/use-chat.js", (route) =>
    route.fulfill({ contentType: "text/javascript", body: script }),
  );
  await page.route("**/use-chat.html", (route) =>
    route.fulfill({ contentType: "text/html", body }),
  );
  page.setDefaultTimeout(patience);
  await page.goto(`${demo.origin}/use-chat.html`);
}

describe("useChat of the AI SDK on the routes of the example", { timeout: 90_000 }, () => {
  test("has its answer whole after a reload in the middle", async () => {
    const demo = await Demo.start({ DEMO_PACE: "2" });
    const browser = await launchBrowser();
    const page = await browser.newPage();
    const errors = collectErrors(page.context());
    await openChat(page, demo, await tokenOf(demo));
    const answer = page.locator("p.assistant");
    const status = (text: string) => page.locator("#status", { hasText: text }).waitFor();
    await status("ready");
    await page.getByRole("button", { name: "Ask" }).click();
    await answer.filter({ hasText: /\w+ \w+/ }).waitFor();
    const before = (await answer.textContent()) ?? "";
    expect(await page.locator("#status").textContent()).toBe("streaming");

    await page.reload();
    await answer.filter({ hasText: before }).waitFor();
    await page.locator("#status", { hasText: "ready" }).waitFor({ timeout: 60_000 });
    const whole = (await answer.textContent()) ?? "";
    expect(whole.startsWith(before) && whole.length > before.length).toBe(true);

    await page.reload();
    await page.waitForFunction(
      (text) => document.querySelector("p.assistant")?.textContent === text,
      whole,
      { polling: 20 },
    );
    expect(errors).toEqual([]);
  });

  test("are each reader's own, and refuse what is no question", async () => {
    const demo = await Demo.start({ DEMO_PACE: "5" });
    const [mine, theirs] = [await tokenOf(demo), await tokenOf(demo)];
    const abort = new AbortController();
    const asked = await ask(demo, "/use-chat", {
      token: mine,
      body: { id: "c", messages: [question] },
      signal: abort.signal,
    });
    expect(asked.headers.get("x-vercel-ai-ui-message-stream")).toBe("v1");
    const stream = "/use-chat/c/stream";
    expect((await ask(demo, stream, { token: theirs })).status).toBe(204);
    const stop = await ask(demo, "/use-chat/c/stop", { token: theirs, method: "POST" });
    expect(await stop.json()).toEqual({ stopped: false });
    expect((await ask(demo, stream)).status).toBe(401);
    const own = await ask(demo, "/use-chat/c/stop", { token: mine, method: "POST" });
    expect(await own.json()).toEqual({ stopped: true });
    for (const messages of [undefined, [], "x", [null], [{ ...question, role: "system" }]]) {
      const refused = await ask(demo, "/use-chat", { token: mine, body: { id: "d", messages } });
      expect(await refusalOf(refused)).toBe("400 invalid-messages");
    }
    abort.abort();
  });
});

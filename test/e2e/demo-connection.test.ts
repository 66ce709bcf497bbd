import type { BrowserContext, Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { launchBrowser } from "./browser.ts";
import { Cuttable } from "./cuttable.ts";
import { secret, sign } from "./demo-asking.ts";
import {
  answerOf,
  ask,
  collectErrors,
  meterOf,
  openPage,
  ready,
  save,
  stands,
  watchAnswer,
} from "./demo-page.ts";
import { Demo } from "./demo-server.ts";
import { within } from "./harness.ts";
import { fakeProvider } from "./providers.ts";

const words = Array.from({ length: 150 }, (_, i) => (i === 0 ? "Word" : ` ${i}`));
const whole = words.join("");

async function setUp(options: Parameters<typeof fakeProvider>[0], transport = "sse") {
  const provider = await fakeProvider(options);
  const demo = await Demo.start({
    OPENAI_API_KEY: "test",
    OPENAI_BASE_URL: `${provider.origin}/v1`,
  });
  const way = await Cuttable.to(Number(new URL(demo.origin).port));
  const localStorage = [{ name: "transport", value: transport }];
  const context = await (await launchBrowser()).newContext({
    storageState: { cookies: [], origins: [{ origin: way.origin, localStorage }] },
  });
  const errors = collectErrors(context);
  const page = await openPage(context, way.origin);
  return { provider, demo, way, context, errors, page };
}

/** How often the page has asked for an answer by POST, over whatever. */
function countPosts(context: BrowserContext) {
  const posts: string[] = [];
  context.on("request", (request) => {
    if (request.method() === "POST" && request.url().endsWith("/api/chat"))
      posts.push(request.url());
  });
  return posts;
}

const newTab = (page: Page) => openPage(page.context(), page.url());

/** Without the browser's own words on connections that broke, which nobody can keep it from printing. */
const own = (errors: string[]) =>
  errors.filter((text) => !/net::ERR_|WebSocket connection/.test(text));

for (const transport of ["sse", "websocket"]) {
  describe(`an answer over ${transport}`, { timeout: 120_000 }, () => {
    test("goes on after a reload, to the same whole text; the model was asked once", async () => {
      const { provider, page, errors } = await setUp({ tokens: words, pause: 40 }, transport);
      await ask(page, "Count");
      const before = (await watchAnswer(page, 5)).at(-1) as string;
      await page.reload();
      await page.locator(".question", { hasText: "Count" }).waitFor();
      const [again] = await watchAnswer(page, 3);
      expect(again?.startsWith(before)).toBe(true);
      await save(page, `reloaded-${transport}`);
      await page.reload();
      await stands(page, "Done");
      expect(await answerOf(page).textContent()).toBe(whole);
      await meterOf(page).filter({ hasText: "150 tokens" }).waitFor();
      expect(provider.requests.seen).toHaveLength(1);

      await page.reload();
      await stands(page, "Done");
      expect(await answerOf(page).textContent()).toBe(whole);
      expect(errors).toEqual([]);
    });

    test("goes on after the network was cut, to the same whole text", async () => {
      const { provider, page, way, context, errors } = await setUp(
        { tokens: words, pause: 40 },
        transport,
      );
      const posts = countPosts(context);
      await ask(page, "Count");
      const before = (await watchAnswer(page, 5)).at(-1) as string;
      way.cut();
      await page.getByText("Reconnecting…").waitFor();
      await save(page, `cut-${transport}`);
      way.mend();
      await ready(page);
      await stands(page, "Done");
      const text = await answerOf(page).textContent();
      expect(text?.startsWith(before)).toBe(true);
      expect(text).toBe(whole);
      expect(provider.requests.seen).toHaveLength(1);
      expect(posts).toHaveLength(transport === "sse" ? 1 : 0);
      expect(own(errors)).toEqual([]);
    });

    test("is the same in all tabs of the conversation, and stops in all", async () => {
      const { provider, page, errors } = await setUp({ endless: true }, transport);
      const second = await newTab(page);
      await ask(page, "Go on for ever");
      await second.locator(".question", { hasText: "Go on for ever" }).waitFor();
      const third = await newTab(page);
      const { aborted } = await provider.requests.next("request");
      for (const tab of [page, second, third]) {
        await tab.bringToFront(); // a tab that nobody sees gets no frames
        await watchAnswer(tab, 3);
      }
      await save(second, `second-tab-${transport}`);
      await second.bringToFront();
      await second.getByRole("button", { name: "Stop" }).click();
      await within(aborted, "cancelled request");
      const texts: (string | null)[] = [];
      for (const tab of [page, second, third]) {
        await tab.bringToFront();
        await stands(tab, "Stopped");
        texts.push(await answerOf(tab).textContent());
      }
      expect(texts[1]).not.toBe("");
      expect(texts[0]).toBe(texts[2]);

      // It can be gone on from any of them; a draft in another one stays.
      await page.getByLabel("Your question").fill("A draft");
      await third.bringToFront();
      await ask(third, "And again");
      await page.bringToFront();
      await page.locator(".question", { hasText: "And again" }).waitFor();
      await watchAnswer(page, 2);
      expect(await page.locator(".turn").count()).toBe(2);
      expect(await page.getByLabel("Your question").inputValue()).toBe("A draft");
      expect(provider.requests.seen).toHaveLength(2);
      expect(errors).toEqual([]);
    });

    test("shows at least five states on its way, and no second request", async () => {
      const { page, context, errors } = await setUp({ tokens: words, pause: 10 }, transport);
      const posts = countPosts(context);
      const frames: string[] = [];
      page.on("websocket", (socket) => {
        socket.on("framesent", ({ payload }) => frames.push(String(payload)));
      });
      await page.reload();
      await ready(page);
      await ask(page, "Count");
      const states = await watchAnswer(page, 5);
      expect(new Set(states).size).toBe(5);
      await stands(page, "Done");
      expect(await answerOf(page).textContent()).toBe(whole);
      expect(posts).toHaveLength(transport === "sse" ? 1 : 0);
      const chats = frames.filter((frame) => JSON.parse(frame).type === "chat");
      expect(chats).toHaveLength(transport === "sse" ? 0 : 1);
      expect(errors).toEqual([]);
    });
  });
}

describe("the page's connections", { timeout: 120_000 }, () => {
  test("the reader may change between them within a conversation", async () => {
    const { page, provider, errors } = await setUp({ tokens: ["Well", " said"] });
    await ask(page, "One");
    await stands(page, "Done");
    const posts = countPosts(page.context());
    await page.getByLabel("WebSocket").check();
    await ready(page);
    await ask(page, "Two");
    await expect.poll(() => page.locator(".turn").count()).toBe(2);
    await stands(page, "Done");
    expect(posts).toEqual([]);
    expect(provider.requests.seen[1]?.body.messages).toHaveLength(3);
    await page.getByLabel("WebSocket").uncheck();
    await ready(page);
    await ask(page, "Three");
    await expect.poll(() => page.locator(".turn").count()).toBe(3);
    await stands(page, "Done");
    expect(posts).toHaveLength(1);
    expect(errors).toEqual([]);
  });

  test("a WebSocket that ends with its token comes back with the next one, as the same person", async () => {
    const provider = await fakeProvider({ endless: true, pause: 100 });
    const demo = await Demo.start({
      OPENAI_API_KEY: "test",
      OPENAI_BASE_URL: `${provider.origin}/v1`,
      JWT_SECRET: secret,
    });
    // It ends in half a minute; the page takes it for one to renew a minute from now.
    const token = await sign({ expires: "30 s" });
    const session = JSON.stringify({ token, expiresAt: Date.now() + 5.5 * 60_000 });
    const localStorage = [
      { name: "transport", value: "websocket" },
      { name: "session", value: session },
    ];
    const context = await (await launchBrowser()).newContext({
      storageState: { cookies: [], origins: [{ origin: demo.origin, localStorage }] },
    });
    await context.clock.install();
    const errors = collectErrors(context);
    const page = await openPage(context, demo.origin);
    const first = page.waitForEvent("websocket");
    await ask(page, "Go on for ever");
    const socket = await first;
    await watchAnswer(page, 3);
    const second = page.waitForEvent("websocket");
    const renewed = page.waitForResponse(/\/api\/session$/);
    await page.clock.fastForward(60_000);
    expect((await renewed).status()).toBe(200);
    if (!socket.isClosed()) await socket.waitForEvent("close");
    await second;
    await watchAnswer(page, 3);
    await page.keyboard.press("Escape");
    await stands(page, "Stopped");
    expect(provider.requests.seen).toHaveLength(1);
    expect(errors).toEqual([]);
  });

  test("who is here is told in every tab, and counted by person", async () => {
    const { page, way } = await setUp({});
    const here = (tab: Page) => tab.locator("summary", { hasText: "here" });
    await here(page).filter({ hasText: "1 person here" }).waitFor();
    const same = await newTab(page);
    await here(same).filter({ hasText: "1 person here" }).waitFor();
    const stranger = await openPage(await (await launchBrowser()).newContext(), way.origin);
    for (const tab of [page, same, stranger]) {
      await here(tab).filter({ hasText: "2 people here" }).waitFor();
    }
    await here(stranger).click();
    expect(await stranger.locator(".presence-list li").count()).toBe(2);
    await stranger.locator(".presence-list li", { hasText: "(you)" }).waitFor();
    await stranger.context().close();
    await here(page).filter({ hasText: "1 person here" }).waitFor();
  });

  test("somebody else's conversation is not shown", async () => {
    const { page } = await setUp({ tokens: ["Secret"] });
    await ask(page, "Mine");
    await stands(page, "Done");
    const context = await (await launchBrowser()).newContext();
    const stranger = await context.newPage();
    await stranger.goto(page.url());
    await stranger.getByText("This conversation is not yours.").waitFor();
    expect(await stranger.locator(".turn").count()).toBe(0);
    await stranger.getByRole("button", { name: "New chat" }).click();
    await stranger.getByRole("heading", { name: "Ask something" }).waitFor();
  });

  test("a server that has started anew, with other secrets, gets a new conversation", async () => {
    const { page, way } = await setUp({ tokens: ["Kept"] });
    await ask(page, "Remember me");
    await stands(page, "Done");
    const other = await Demo.start();
    const port = new URL(other.origin).port;
    way.redirect(Number(port));
    await page.getByRole("heading", { name: "Ask something" }).waitFor();
    await ready(page);
    await ask(page, "Hello");
    await answerOf(page).getByText("Grüß Gott").waitFor();
  });
});

import { describe, expect, test } from "vitest";
import { launchBrowser } from "./browser.ts";
import { ask as askServer } from "./demo-asking.ts";
import {
  answerOf,
  ask,
  collectErrors,
  meterOf,
  openPage,
  save,
  stands,
  turnOf,
  watchAnswer,
} from "./demo-page.ts";
import { Demo } from "./demo-server.ts";
import { within } from "./harness.ts";
import { fakeProvider } from "./providers.ts";

/** Answers that last longer than a busy machine needs to look at them. */
const slowly = { DEMO_PACE: "4" };

async function setUp(env: Record<string, string> = {}) {
  const demo = await Demo.start(env);
  const browser = await launchBrowser();
  const context = await browser.newContext({ viewport: { width: 1180, height: 800 } });
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  const errors = collectErrors(context);
  return { demo, browser, context, errors, page: await openPage(context, demo.origin) };
}

async function withProvider(options: Parameters<typeof fakeProvider>[0], env = {}) {
  const provider = await fakeProvider(options);
  const openai = { OPENAI_API_KEY: "test", OPENAI_BASE_URL: `${provider.origin}/v1` };
  return { provider, ...(await setUp({ ...openai, ...env })) };
}

describe("the chat page", { timeout: 120_000 }, () => {
  test("shows an answer token by token, and stops it", async () => {
    const { demo, page, errors } = await setUp(slowly);
    await save(page, "empty");
    await ask(page, "A poem, please");
    expect(await page.locator(".question").textContent()).toBe("A poem, please");
    await watchAnswer(page, 5);
    expect(await meterOf(page).textContent()).toMatch(/^Answering \d+\sms\sto\sfirst\stoken/);
    await save(page, "mid-answer");

    await page.getByRole("button", { name: "Stop" }).click();
    await stands(page, "Stopped");
    await demo.printed("aborted (stopped)");
    await save(page, "stopped");
    const partial = await answerOf(page).textContent();
    expect("The rain arrives").toContain(partial?.slice(0, 16));
    expect(await page.getByRole("button", { name: "Stop" }).count()).toBe(0);
    expect(errors).toEqual([]);
  });

  test("an answer that was stopped has the server's figures, before a reload and after it", async () => {
    const { page, provider } = await withProvider({ endless: true, pause: 20 });
    await ask(page, "Go on for ever");
    await provider.requests.next("request");
    await watchAnswer(page, 5);
    const told = await page.evaluateHandle(() => {
      const texts = new Set<string>();
      const meter = document.querySelector(".turn:last-child .meter") as HTMLElement;
      const note = () => texts.add(meter.textContent ?? "");
      const changes = { childList: true, characterData: true, subtree: true };
      new MutationObserver(note).observe(meter, changes);
      return texts;
    });
    await page.keyboard.press("Escape");
    await meterOf(page).filter({ hasText: "$" }).waitFor();
    const figures = await meterOf(page).textContent();
    expect(figures).toMatch(/^Stopped \d+\sms\sto\sfirst\stoken .*\d\stokens \$0\.\d+ OpenAI$/);
    const texts = await told.evaluate((texts) => [...texts]);
    const stopped = texts.filter((text) => text.startsWith("Stopped"));
    expect(stopped.filter((text) => text.trim() !== "Stopped")).toEqual([figures]);
    await page.reload();
    await stands(page, "Stopped");
    expect(await meterOf(page).textContent()).toBe(figures);
  });

  test("Escape stops; the question can be asked again, in place of what there was", async () => {
    const { demo, page, errors } = await setUp(slowly);
    await ask(page, "A poem, please");
    await watchAnswer(page, 2);
    await page.keyboard.press("Escape");
    await stands(page, "Stopped");
    await demo.printed("aborted (stopped)");
    await page.getByRole("button", { name: "Ask again" }).click();
    await stands(page, "Answering");
    await watchAnswer(page, 3);
    expect(await page.locator(".turn").count()).toBe(1);
    await page.reload();
    await watchAnswer(page, 2);
    expect(await page.locator(".turn").count()).toBe(1);
    expect(errors).toEqual([]);
  });

  test("shows Markdown: code with its spaces, tables, lists, and copies what is asked for", async () => {
    const { page, errors } = await setUp({ DEMO_PACE: "0.05" });
    await ask(page, "Show me some code");
    await stands(page, "Done");
    const code = await page.locator(".answer pre").first().textContent();
    expect(code).toContain("\n  const session = await createSession(req, res);\n\n  for (let");
    await page.getByRole("button", { name: "Copy code" }).first().click();
    expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(code);

    await ask(page, "Compare them in a table");
    await stands(page, "Done");
    expect(await turnOf(page).locator("tbody tr").count()).toBe(4);
    expect(await turnOf(page).locator("ol > li").count()).toBe(3);
    expect(await turnOf(page).locator("ol > li > ul > li").count()).toBe(2);
    expect(await turnOf(page).locator("del").textContent()).toBe("never");
    await save(page, "whole", { fullPage: true });
    expect(errors).toEqual([]);
  });

  test("runs no script, whatever an answer or a question holds", async () => {
    const hostile = [
      "<script>window.hacked = 1</script>\n\n",
      '<img src="x" onerror="window.hacked = 2">\n\n',
      "[click](javascript:window.hacked=3) [data](data:text/html,<script>1</script>)\n\n",
      "![x](javascript:window.hacked=4) ![pixel](https://evil.example/pixel.png?secret)\n\n",
      '<a href="javascript:window.hacked=5">link</a> <iframe srcdoc="<script>top.hacked=6</script>">',
      "\n\n<svg onload=window.hacked=7> <details open ontoggle=window.hacked=8>x</details>\n\n",
      '[ref]\n\n[ref]: javascript:window.hacked=9 "t"\n\n',
      "<javascript:window.hacked=10> <style>body{display:none}</style>\n\nThe end",
    ];
    const { page, context, errors } = await withProvider({ tokens: hostile, pause: 5 });
    const asked: string[] = [];
    context.on("request", (request) => asked.push(request.url()));
    await ask(page, '<img src=x onerror="window.hacked = 11"> **<b>bold</b>**');
    await stands(page, "Done");
    const turn = turnOf(page);
    expect(await turn.locator("script, img, iframe, svg, details, style, b").count()).toBe(0);
    const links = await turn
      .locator("a")
      .evaluateAll((all) => all.map((a) => a.getAttribute("href")));
    expect(links).toEqual(["https://evil.example/pixel.png?secret"]);
    expect(await answerOf(page).textContent()).toContain("onerror");
    expect(await page.evaluate(() => "hacked" in window)).toBe(false);
    expect(asked.filter((url) => url.includes("evil.example"))).toEqual([]);
    await save(page, "hostile");
    expect(errors).toEqual([]);
  });

  test("tells time to first token, tokens per second, their number and what they cost", async () => {
    const tokens = Array.from({ length: 60 }, (_, index) => ` ${index}`);
    const { page } = await withProvider(
      { tokens, pause: 10 },
      { OPENAI_MODEL: "gpt-5-mini", ANTHROPIC_API_KEY: "" },
    );
    await ask(page, "Count");
    await stands(page, "Done");
    await meterOf(page).filter({ hasText: "$" }).waitFor();
    // 3 tokens in for 0.25, 60 out for 2 dollars per million
    expect(await meterOf(page).textContent()).toMatch(
      /^Done \d+\sms\sto\sfirst\stoken \d+\.\d\stokens\/s 60\stokens \$0\.00012 OpenAI$/,
    );
  });

  test("the reader chooses who answers, and the page remembers", async () => {
    const { page, provider } = await withProvider({ tokens: ["From", " afar"] });
    const select = page.getByLabel("Answers from");
    expect(await select.locator("option").allTextContents()).toEqual([
      "OpenAI · gpt-5-mini",
      "Local texts · no model",
    ]);
    await ask(page, "Hello");
    await stands(page, "Done");
    expect(await answerOf(page).textContent()).toBe("From afar");
    await select.selectOption("local");
    await page.reload();
    await select.waitFor();
    await expect.poll(() => select.inputValue()).toBe("local");
    await ask(page, "Hello again");
    await answerOf(page).getByText("Grüß Gott").waitFor();
    expect(provider.requests.seen).toHaveLength(1);
  });

  test("a model is told what was said before", async () => {
    const { page, provider } = await withProvider({ tokens: ["An", " answer"] });
    await ask(page, "First");
    await stands(page, "Done");
    await ask(page, "Second");
    await expect.poll(() => provider.requests.seen.length).toBe(2);
    expect(provider.requests.seen[1]?.body.messages).toEqual([
      { role: "user", content: "First" },
      { role: "assistant", content: "An answer" },
      { role: "user", content: "Second" },
    ]);
    await stands(page, "Done");
    await page.getByRole("button", { name: "New chat" }).click();
    await page.getByRole("heading", { name: "Ask something" }).waitFor();
    await ask(page, "Third");
    await expect.poll(() => provider.requests.seen.length).toBe(3);
    expect(provider.requests.seen[2]?.body.messages).toHaveLength(1);
  });

  test("says why an answer failed, and asks again when told to", async () => {
    const { page, provider } = await withProvider({ status: 401 });
    await ask(page, "Hello");
    await stands(page, "Failed");
    await page.locator(".failure", { hasText: /^The service cannot reach the model\.$/ }).waitFor();
    await save(page, "failed");
    await page.reload();
    await page.locator(".failure", { hasText: "The answer failed." }).waitFor();
    const { length } = provider.requests.seen;
    await page.getByRole("button", { name: "Ask again" }).click();
    await expect.poll(() => provider.requests.seen.length).toBeGreaterThan(length);
    await stands(page, "Failed");
    expect(await page.locator(".turn").count()).toBe(1);
  });

  test("says so, in the server's words, when a question is refused", async () => {
    const { demo, page } = await setUp({ DEMO_PACE: "0" });
    const { conversation, token } = await page.evaluate(() => ({
      conversation: location.hash.slice(1),
      token: JSON.parse(localStorage.getItem("session") ?? "").token as string,
    }));
    for (let asked = 0; asked < 20; asked++) {
      const body = { prompt: "Hello", conversation };
      await (await askServer(demo, "/chat", { token, body })).text();
    }
    await ask(page, "Once more");
    await page.locator(".failure", { hasText: "Too many requests." }).waitFor();
  });

  test("stop reaches the model, whoever it is", async () => {
    const { page, provider } = await withProvider({ endless: true });
    await ask(page, "Go on for ever");
    const { aborted } = await provider.requests.next("request");
    await watchAnswer(page, 3);
    await page.keyboard.press("Escape");
    await within(aborted, "cancelled request");
    await stands(page, "Stopped");
  });
});

import { readFileSync } from "node:fs";
import { build } from "esbuild";
import { expect, it } from "vitest";
import type { WebSocketChat } from "../../lib/websocket/browser.ts";
import { eventually, launchBrowser } from "../e2e/harness.ts";
import { usage } from "../streaming/generations-setup.ts";
import { finish, start } from "../streaming/written.ts";
import { serveChat } from "./chat-setup.ts";

const entry = new URL("../../lib/websocket/browser.ts", import.meta.url).pathname;

/** What a bundler makes of the client for a page. It fails for what only Node has. */
async function bundle(): Promise<string> {
  const { outputFiles } = await build({
    ...{ entryPoints: [entry], bundle: true, write: false, minify: true },
    ...{ format: "iife", globalName: "streamLlm", platform: "browser", logLevel: "silent" },
  });
  return outputFiles[0]?.text ?? "";
}

it("gives browsers the client, and servers the sessions as well", async () => {
  const { exports } = JSON.parse(
    readFileSync(new URL("../../package.json", import.meta.url), "utf8"),
  );
  expect(exports["./websocket"].browser.default).toBe("./dist/websocket/browser.js");
  expect(exports["./websocket"].default).toBe("./dist/websocket/index.js");
  expect(Object.keys(await import("../../lib/websocket/browser.ts")).sort()).toEqual([
    "SseError",
    "WebSocketChat",
  ]);
  expect(Object.keys(await import("../../lib/websocket/index.ts")).sort()).toEqual([
    "SseError",
    "WebSocketChat",
    "WebSocketSession",
    "createWebSocketSession",
    "webSocketChat",
  ]);
});

interface Shown {
  chat: WebSocketChat;
  states: string[];
  retries: number;
  done: { content: string; status?: string } | undefined;
}

it("WebSocketChat shows an answer in a page as it comes, over a network that is cut", async () => {
  const serving = await serveChat();
  const script = await bundle();
  serving.app.get("/", (_, res) => {
    res.type("html").send("<!doctype html><title>Chat</title><p id=answer></p>");
  });
  const page = await (await launchBrowser()).newPage();
  const errors: string[] = [];
  page.on("pageerror", (error) => errors.push(error.message));
  await page.goto(serving.origin);
  await page.addScriptTag({ content: script });
  await page.evaluate((url) => {
    const { streamLlm } = globalThis as never as {
      streamLlm: { WebSocketChat: typeof WebSocketChat };
    };
    const retry = { initialDelay: 1, maxDelay: 20, maxRetries: 50 };
    const chat = new streamLlm.WebSocketChat({ url, retry });
    const shown: Shown = { chat, states: [], retries: 0, done: undefined };
    Object.assign(globalThis, { shown });
    const answer = document.querySelector("#answer") as HTMLElement;
    chat.on("token", (token) => {
      answer.textContent += token;
      shown.states.push(answer.textContent ?? "");
    });
    chat.on("retry", () => shown.retries++);
    void chat.send("Hello?").then((message) => {
      shown.done = message;
    });
  }, serving.url);
  const provider = await serving.providers.next();
  const shown = () =>
    page.evaluate(() => {
      const { states, retries, done } = (globalThis as never as { shown: Shown }).shown;
      return { states, retries, done, text: document.querySelector("#answer")?.textContent };
    });
  provider.say(start);
  let said = "";
  for (let n = 0; n < 60; n++) {
    const token = `${n} ü\n`;
    said += token;
    provider.say(token);
    if (n % 20 !== 10) continue;
    await page.waitForFunction(
      (end) => document.querySelector("#answer")?.textContent?.endsWith(end),
      token,
    );
    for (const ws of serving.server.clients) ws.terminate();
  }
  provider.say(usage, finish);
  await page.waitForFunction(() => (globalThis as never as { shown: Shown }).shown.done);
  const { states, retries, done, text } = await shown();
  expect(text).toBe(said);
  expect(done).toMatchObject({ content: said, status: "done" });
  expect(new Set(states).size).toBeGreaterThanOrEqual(5);
  expect(retries).toBeGreaterThanOrEqual(3);
  expect(errors).toEqual([]);
  await page.evaluate(() => (globalThis as never as { shown: Shown }).shown.chat.close());
  await eventually(() => serving.server.clients.size === 0, "closed WebSocket");
});

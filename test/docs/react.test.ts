import { writeFileSync } from "node:fs";
import { type IncomingMessage, request, type ServerResponse } from "node:http";
import { expect } from "vitest";
import { createChannel, createSession } from "../../lib/index.ts";
import { eventually } from "../e2e/harness.ts";
import { fakeProvider } from "../e2e/providers.ts";
import { openTestPage } from "../react/rig.ts";
import { requests } from "../react/servers.ts";
import { compiledSnippet } from "./compile.ts";
import { testSnippets } from "./document.ts";

const file = "docs/react.md";

type Handle = (req: IncomingMessage, res: ServerResponse) => void;

/** A page with the component of a snippet, in StrictMode; `props` are JavaScript. */
async function openComponent(snippet: string, name: string, props: string, handle: Handle) {
  const script = compiledSnippet(file, snippet);
  const entry = script.replace(/\.js$/, ".page.js");
  const code = `import { createElement, StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { ${name} } from ${JSON.stringify(script)};
const element = createElement(StrictMode, null, createElement(${name}, ${props}));
createRoot(document.getElementById("root")).render(element);
`;
  writeFileSync(entry, code);
  return openTestPage({ version: "19", entry, handle });
}

/** Hands requests on to another server, and hangs up when the client does. */
function forwardTo(origin: string): Handle {
  return (req, res) => {
    const { method, headers, url } = req;
    const forwarded = request(new URL(url ?? "", origin), { method, headers }, (answer) => {
      res.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(res);
    });
    forwarded.on("error", () => res.destroy());
    res.once("close", () => forwarded.destroy());
    req.pipe(forwarded);
  };
}

testSnippets(file, {
  async chat(start) {
    const provider = await fakeProvider({ tokens: ["Hello. "], endless: true });
    const env = { OPENAI_API_KEY: "x", OPENAI_BASE_URL: `${provider.origin}/v1` };
    const origin = await start({ name: "chat-server", env }).origin();
    const page = await openComponent("chat", "Chat", '{ id: "c1" }', forwardTo(origin));
    const { tab } = page;
    const ask = async (prompt: string) => {
      await tab.getByLabel("Your question").fill(prompt);
      await tab.getByRole("button", { name: "Ask" }).click();
    };
    const answer = tab.locator('.assistant[aria-busy="true"]');
    await ask("Hello?");
    await answer.filter({ hasText: "Hello. Hello." }).waitFor();
    await tab.reload();
    await answer.filter({ hasText: "Hello. Hello." }).waitFor();
    await tab.getByRole("button", { name: "Stop" }).click();
    const request = await provider.requests.next("request");
    await request.aborted;
    expect(await tab.locator(".assistant").textContent()).toMatch(/^(Hello\. ){2,}$/);
    expect(provider.requests.unread).toBe(0);

    await ask("And now?");
    const { body } = await provider.requests.next("second request");
    expect(body.messages).toMatchObject([{ role: "assistant" }, { content: "And now?" }]);
    await answer.filter({ hasText: "Hello. Hello." }).waitFor();
    expect(page.complaints).toEqual([]);
  },

  async "chat-server"(start) {
    const provider = await fakeProvider();
    const env = { OPENAI_API_KEY: "x", OPENAI_BASE_URL: `${provider.origin}/v1` };
    const origin = await start({ env }).origin();
    const body = JSON.stringify({ id: "c1", messages: [{ role: "user", content: "Hello?" }] });
    const headers = { "Content-Type": "application/json" };
    const answer = await fetch(`${origin}/api/chat`, { method: "POST", headers, body });
    expect(await answer.text()).toContain('{"token":"Hello","index":0}');
    expect((await fetch(`${origin}/api/chat/c2/stream`)).status).toBe(204);
  },

  async text() {
    const server = requests();
    const page = await openComponent("text", "Answer", '{ url: "/answer" }', server.handle);
    (await server.next()).begin().send("Hel").end();
    await page.tab.getByRole("button", { name: "Try again" }).click();
    (await server.next()).begin().send("Hello").write("data: [DONE]\n\n");
    await page.tab.locator('article[aria-busy="false"]').waitFor();
    expect(await page.tab.locator("article").textContent()).toBe("Hello");
    expect(page.complaints).toEqual([]);
  },

  async channel() {
    const channel = createChannel();
    const tokens: (string | undefined)[] = [];
    const props = '{ name: "lobby", token: "t1" }';
    const page = await openComponent("channel", "Room", props, async (req, res) => {
      tokens.push(req.headers.authorization);
      channel.register(await createSession(req, res));
    });
    await page.tab.getByRole("status").filter({ hasText: "connected" }).waitFor();
    await eventually(() => channel.sessionCount === 1, "one session");
    channel.broadcast("News", "topic").broadcast({ from: "Ada", text: "Hi" }, "message");
    await page.tab.getByRole("heading", { name: "News" }).waitFor();
    await page.tab.locator("pre", { hasText: "Ada: Hi" }).waitFor();
    expect(tokens).toEqual(["Bearer t1"]);
    expect(page.complaints).toEqual([]);
  },
});

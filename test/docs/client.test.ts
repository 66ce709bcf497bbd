import { createServer } from "node:http";
import { expect } from "vitest";
import { listen } from "../e2e/harness.ts";
import { aiStreamCases } from "./client-ai-stream.ts";
import { testSnippets } from "./document.ts";

/** As what the reader's own server has: something is said. */
const say = (origin: string, text: string) =>
  fetch(`${origin}/say`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ text }),
  });

testSnippets("docs/client.md", {
  ...aiStreamCases,

  async "chat-events"(start) {
    expect(await start().finished()).toBe("");
  },

  async server(start) {
    const origin = await start().origin();
    const refused = await fetch(`${origin}/events`);
    expect([refused.status, await refused.text()]).toEqual([401, "Sign in first."]);
  },

  async client(start) {
    const origin = await start({ name: "server" }).origin();
    const page = start({ runtime: "browser", origin });
    await page.printed("open ");
    await say(origin, "hello");
    await page.printed("ada: hello");
    expect(page.output).toBe("open \nada: hello\n");
  },

  async loop(start) {
    const origin = await start({ name: "server" }).origin();
    const page = start({ runtime: "browser", origin });
    // Until the page has registered, nobody hears it.
    while (!page.output.includes("true hi")) await say(origin, "hi");
    await say(origin, "bye");
    expect(await page.finished()).toMatch(/^(true hi\n)+true bye\n$/);

    const empty = createServer((_, res) => res.writeHead(404).end("no such room"));
    const other = start({ runtime: "browser", origin: (await listen(empty)).origin });
    expect(await other.finished()).toBe(
      'http-error 404 stream-llm: the server answered 404: "no such room"\n',
    );
  },
});

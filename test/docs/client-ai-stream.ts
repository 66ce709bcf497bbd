import { expect } from "vitest";
import { fakeProvider } from "../e2e/providers.ts";
import type { Case, Start } from "./document.ts";

async function serve(start: Start) {
  const provider = await fakeProvider();
  const env = { OPENAI_API_KEY: "x", OPENAI_BASE_URL: `${provider.origin}/v1` };
  const origin = await start({ name: "ai-stream-server", env }).origin();
  return { provider, origin };
}

/** The snippets about `AIStream` in docs/client.md. */
export const aiStreamCases: Record<string, Case> = {
  async "ai-stream"(start) {
    const { provider, origin } = await serve(start);
    const output = await start({ runtime: "browser", origin }).finished();
    for (const token of provider.tokens) expect(output).toContain(token.trim());
    expect(output).toContain(provider.tokens.join(""));
    expect(output).toContain("totalTokens");
    expect(output).toMatch(/cost: 0\.0\d+/);
    const { body } = await provider.requests.next("request");
    expect(body.messages).toEqual([
      { role: "system", content: "Be brief." },
      { role: "user", content: "Hello?" },
    ]);
  },

  async "ai-stream-server"(start) {
    const { provider, origin } = await serve(start);
    const messages = [{ role: "user", content: "Hello?" }];
    const answer = await fetch(`${origin}/api/chat`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ id: "1", model: "m", messages }),
    });
    expect(await answer.text()).toContain("event:done");
    expect(await (await fetch(`${origin}/api/chat/1/stream`)).text()).toContain("event:done");
    expect((await provider.requests.next("request")).body.messages).toEqual(messages);
  },

  async "ai-stream-reload"(start) {
    const { provider, origin } = await serve(start);
    const output = await start({ runtime: "browser", origin }).finished();
    expect(output).toContain("user: Hello?");
    expect(output).toContain(`assistant: ${provider.tokens.join("").slice(0, 10)}`);
  },
};

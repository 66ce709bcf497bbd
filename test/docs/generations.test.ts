import { DefaultChatTransport, readUIMessageStream, type UIMessage } from "ai";
import { expect } from "vitest";
import { fakeProvider } from "../e2e/providers.ts";
import { testSnippets } from "./document.ts";
import { openStream, readEvents } from "./programs.ts";

const user: UIMessage = { id: "u1", role: "user", parts: [{ type: "text", text: "Hello?" }] };
const openaiEnv = (origin: string) => ({ OPENAI_API_KEY: "x", OPENAI_BASE_URL: `${origin}/v1` });

/** What `useChat` makes of an answer, asked for or resumed. */
async function chat(origin: string, chatId: string, resume = false): Promise<string | null> {
  const headers = { "x-user": "ada" };
  const transport = new DefaultChatTransport({ api: `${origin}/api/chat`, headers });
  const stream = resume
    ? await transport.reconnectToStream({ chatId })
    : await transport.sendMessages({
        trigger: "submit-message",
        chatId,
        messageId: undefined,
        messages: [user],
        abortSignal: undefined,
      });
  if (!stream) return null;
  let text = "";
  for await (const { parts } of readUIMessageStream({ stream })) {
    text = parts.map((part) => (part.type === "text" ? part.text : "")).join("");
  }
  return text;
}

testSnippets("docs/generations.md", {
  async chat(start) {
    const provider = await fakeProvider();
    const program = start({ env: openaiEnv(provider.origin) });
    const origin = await program.origin();
    const text = provider.tokens.join("");
    expect(await chat(origin, "ada-1")).toBe(text);
    expect(await chat(origin, "ada-1", true)).toBe(text);
    expect(await chat(origin, "ada-2", true)).toBeNull();
    await expect(chat(origin, "bob-1")).rejects.toThrow("forbidden");
    await program.printed("ada-1 chatcmpl-1 finished Hello");

    const endless = await fakeProvider({ endless: true });
    const other = await start({ env: openaiEnv(endless.origin) }).origin();
    const answer = chat(other, "ada-1");
    const request = await endless.requests.next("request");
    const headers = { "x-user": "ada" };
    const stop = await fetch(`${other}/api/chat/ada-1/stop`, { method: "POST", headers });
    expect(await stop.json()).toEqual({ stopped: true });
    await request.aborted;
    await answer;
  },

  async "own-model"(start) {
    await start().printed("Hello there  finished 2");
  },

  async routes(start) {
    const provider = await fakeProvider();
    const env = { ANTHROPIC_API_KEY: "x", ANTHROPIC_BASE_URL: provider.origin };
    const origin = await start({ env }).origin();
    expect(await chat(origin, "1")).toBe(provider.tokens.join(""));
    expect(await chat(origin, "1", true)).toBe(provider.tokens.join(""));
    expect(await chat(origin, "2", true)).toBeNull();
  },

  async "by-hand"(start) {
    const provider = await fakeProvider({ endless: true });
    const origin = await start({ env: openaiEnv(provider.origin) }).origin();
    const url = `${origin}/answers/1`;
    const question = { "Content-Type": "application/json" };
    const body = JSON.stringify({ prompt: "Hello?" });
    const asked = await fetch(url, { method: "POST", headers: question, body });
    expect(asked.status).toBe(201);
    const watching = await openStream(url);
    // Of a replay, only the last event has an id.
    const [, last] = await watching.take(2);
    const { aborted } = await provider.requests.next("request");
    const resumed = await openStream(url, { headers: { "Last-Event-ID": last?.id ?? "" } });
    expect(await resumed.take(1)).toMatchObject([{ event: "token" }]);
    expect(await (await fetch(url, { method: "DELETE" })).json()).toBe(true);
    await aborted;
    expect(await (await fetch(`${url}/state`)).json()).toMatchObject({ status: "aborted" });
    const late = await readEvents(url);
    expect(late.events.at(-1)).toMatchObject({ event: "error" });
    expect((await fetch(`${origin}/answers/2`)).status).toBe(204);
  },
});

import { expect } from "vitest";
import { eventually } from "../e2e/harness.ts";
import { fakeProvider } from "../e2e/providers.ts";
import { openClient } from "../websocket/setup.ts";
import { testSnippets } from "./document.ts";
import { openStream } from "./programs.ts";

const openaiEnv = (origin: string) => ({ OPENAI_API_KEY: "x", OPENAI_BASE_URL: `${origin}/v1` });
const socketUrl = (origin: string, path: string) => origin.replace("http", "ws") + path;

testSnippets("docs/websocket.md", {
  async express(start) {
    const origin = await start().origin();
    const client = await openClient(socketUrl(origin, "/news"));
    const stream = await openStream(`${origin}/news`);
    const body = JSON.stringify({ title: "Rain" });
    const headers = { "Content-Type": "application/json" };
    await fetch(`${origin}/news`, { method: "POST", headers, body });
    const [event] = await stream.take(1);
    expect(event).toMatchObject({ event: "headline", data: body });
    expect(await client.queue.next()).toEqual({
      type: "event",
      event: "headline",
      id: event?.id,
      data: { title: "Rain" },
    });
    const foreign = openClient(socketUrl(origin, "/news"), { origin: "https://evil.example" });
    await expect(foreign).rejects.toThrow();
  },

  async plain(start) {
    const program = start();
    const client = await openClient(socketUrl(await program.origin(), "/"));
    await client.has(3);
    client.send("hello");
    expect(await client.closed).toEqual({ code: 1000, reason: "that was all" });
    expect(client.messages.map(({ event, data }) => [event, data])).toEqual([
      ["iteration", "one"],
      ["iteration", "two"],
      ["iteration", "three"],
    ]);
    await program.printed("received hello");
    await program.printed("disconnected: closed");
  },

  async chat(start) {
    const provider = await fakeProvider();
    const origin = await start({ env: openaiEnv(provider.origin) }).origin();
    const client = await openClient(socketUrl(origin, "/chat?user=ada"));
    client.send({ type: "chat", id: "1", prompt: "Hello?" });
    await eventually(() => client.messages.at(-1)?.type === "done", "done");
    const texts = client.messages.map(({ text }) => text ?? "");
    expect(texts.join("")).toBe(provider.tokens.join(""));
    const { body } = await provider.requests.next("request");
    expect(body.messages.at(-1)?.content).toBe("Hello?");
    const other = await openClient(socketUrl(origin, "/chat?user=bob"));
    other.send({ type: "resume", id: "1" });
    expect(await other.queue.next()).toMatchObject({ code: "forbidden" });
    await expect(openClient(socketUrl(origin, "/chat"))).rejects.toThrow();
  },

  async client(start) {
    const provider = await fakeProvider();
    const origin = await start({ name: "chat", env: openaiEnv(provider.origin) }).origin();
    const output = await start({ runtime: "browser", origin }).finished();
    expect(output).toContain(`done after`);
    expect(output).toContain(`token Hello`);
    expect(output).toContain(`tokens: ${provider.tokens.join("")}`);
  },

  async "node-client"(start) {
    const provider = await fakeProvider();
    const origin = await start({ name: "chat", env: openaiEnv(provider.origin) }).origin();
    const env = { CHAT_URL: socketUrl(origin, "/chat?user=ada") };
    expect(await start({ env }).finished()).toContain(`true ${provider.tokens.join("")}`);
  },
});

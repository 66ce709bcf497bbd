import { expect } from "vitest";
import { fakeProvider } from "../e2e/providers.ts";
import { testSnippets } from "./document.ts";
import { readEvents } from "./programs.ts";

const post = { method: "POST", headers: { "Content-Type": "application/json" } };
const question = { ...post, body: JSON.stringify({ prompt: "Hello?" }) };
const all = Number.POSITIVE_INFINITY;
const data = (events: { data: string }[]) => events.map((event) => JSON.parse(event.data));
const names = (events: { event?: string | undefined }[]) => events.map(({ event }) => event);

const openaiEnv = (origin: string) => ({ OPENAI_API_KEY: "x", OPENAI_BASE_URL: `${origin}/v1` });
const anthropicEnv = (origin: string) => ({
  ANTHROPIC_API_KEY: "x",
  ANTHROPIC_BASE_URL: origin,
});

/** What `useChat` gets: the data of all events but the word that ends the stream. */
const chunks = (events: { data: string }[]) => {
  expect(events.at(-1)?.data).toBe("[DONE]");
  return data(events.slice(0, -1));
};

testSnippets("docs/streaming.md", {
  async pipe(start) {
    const provider = await fakeProvider();
    const program = start({ env: openaiEnv(provider.origin) });
    const origin = await program.origin();
    const { response, events } = await readEvents(`${origin}/chat`, all, question);
    expect(response.headers.get("content-encoding")).toBe("gzip");
    const tokens = events.filter(({ event }) => event === "token");
    expect(data(tokens).map(({ token }) => token)).toEqual(provider.tokens);
    expect(events.at(-1)).toMatchObject({ event: "done" });
    await program.printed(`stop ${3 + provider.tokens.length} Hello, world!`);

    const endless = await fakeProvider({ endless: true });
    const other = start({ env: openaiEnv(endless.origin) });
    await readEvents(`${await other.origin()}/chat`, 3, question);
    await (await endless.requests.next("request")).aborted;
    await other.printed("aborted undefined Hello");

    const refusing = await fakeProvider({ status: 401 });
    const third = start({ env: openaiEnv(refusing.origin) });
    const refused = await readEvents(`${await third.origin()}/chat`, all, question);
    expect(refused.events).toMatchObject([
      {
        event: "error",
        data: '{"error":"The service cannot reach the model.","code":"AUTHENTICATION"}',
      },
    ]);
    await third.printed("error undefined");
  },

  async tokens(start) {
    const { events } = await readEvents(await start().origin());
    expect(names(events)).toEqual([
      ...["start", "metadata", "token", "token", "token", "usage", "metadata", "done"],
    ]);
    expect(data(events.slice(1, 3))).toEqual([{ conversation: 7 }, { token: "One", index: 0 }]);
  },

  async hono(start) {
    const provider = await fakeProvider();
    const origin = await start({ env: anthropicEnv(provider.origin) }).origin();
    const { response, events } = await readEvents(`${origin}/api/chat`, all, question);
    expect(response.headers.get("x-vercel-ai-ui-message-stream")).toBe("v1");
    const deltas = chunks(events).filter(({ type }) => type === "text-delta");
    expect(deltas.map(({ delta }) => delta)).toEqual(provider.tokens);

    const endless = await fakeProvider({ endless: true });
    const other = await start({ env: anthropicEnv(endless.origin) }).origin();
    await readEvents(`${other}/api/chat`, 4, question);
    await (await endless.requests.next("request")).aborted;
  },

  async "openai-client"(start) {
    const provider = await fakeProvider();
    const env = anthropicEnv(provider.origin);
    const origin = await start({ name: "openai-server", env }).origin();
    const output = await start({ env: openaiEnv(origin) }).finished();
    expect(output).toBe(`${[...provider.tokens, "stop"].join("\n")}\n`);
  },

  async "openai-server"(start) {
    const provider = await fakeProvider();
    const origin = await start({ env: anthropicEnv(provider.origin) }).origin();
    const messages = [{ role: "user", content: "Hello?" }];
    const { events } = await readEvents(`${origin}/v1/chat/completions`, all, {
      ...post,
      body: JSON.stringify({ messages }),
    });
    expect(chunks(events)).toContainEqual(
      expect.objectContaining({ object: "chat.completion.chunk", model: "house-model" }),
    );
    expect((await provider.requests.next("request")).body.messages).toEqual(messages);
  },

  async adapter(start) {
    const provider = await fakeProvider();
    const env = openaiEnv(provider.origin);
    const origin = await start({ env, runtime: "module" }).origin();
    const { response, events } = await readEvents(origin, all, question);
    expect(response.headers.get("x-vercel-ai-ui-message-stream")).toBe("v1");
    const deltas = chunks(events).filter(({ type }) => type === "text-delta");
    expect(deltas.map(({ delta }) => delta)).toEqual(provider.tokens);
  },

  async reader(start) {
    const provider = await fakeProvider();
    const output = await start({ env: openaiEnv(provider.origin) }).finished();
    expect(output).toContain("Hello, world!\n  indented stop {");
    const refusing = await fakeProvider({ status: 429 });
    const refused = await start({ env: openaiEnv(refusing.origin) }).finished();
    expect(refused).toBe("rate-limit refused\n");
  },
});

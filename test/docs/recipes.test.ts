import { createServer } from "node:http";
import { connect } from "node:http2";
import { expect, onTestFinished } from "vitest";
import { createSession } from "../../lib/index.ts";
import { listen, within } from "../e2e/harness.ts";
import { fakeProvider } from "../e2e/providers.ts";
import { type Case, testSnippets } from "./document.ts";
import { openStream, readEvents } from "./programs.ts";

const post = { method: "POST", headers: { "Content-Type": "application/json" } };
const question = { ...post, body: JSON.stringify({ prompt: "Hello?" }) };
const openaiEnv = (origin: string) => ({ OPENAI_API_KEY: "x", OPENAI_BASE_URL: `${origin}/v1` });
const names = (events: { event?: string | undefined }[]) => events.map(({ event }) => event);
const data = (events: { data: string }[]) => events.map((event) => JSON.parse(event.data));

/** Serves one greeting at /sse. */
const greets: Case = async (start) => {
  const { response, events } = await readEvents(`${await start().origin()}/sse`, 1);
  expect(response.status).toBe(200);
  expect(data(events)).toEqual(["Hello world!"]);
};

testSnippets("docs/recipes.md", {
  async express(start) {
    const origin = await start().origin();
    expect((await fetch(`${origin}/sse`)).status).toBe(401);
    const { events } = await readEvents(`${origin}/sse?token=secret`, 1);
    expect(data(events)).toEqual(["Hello world!"]);
  },

  fastify: greets,
  koa: greets,

  async hono(start) {
    const { events } = await readEvents(`${await start().origin()}/sse`);
    expect(data(events)).toEqual(["one", "two", "three"]);
  },

  async next(start) {
    const origin = await start({ runtime: "module" }).origin();
    const body = JSON.stringify({ prompt: "Say hello" });
    const { events } = await readEvents(origin, Number.POSITIVE_INFINITY, { method: "POST", body });
    expect(data(events)).toEqual(["Say ", "hello "]);
  },

  async http2(start) {
    const session = connect(await start().origin());
    onTestFinished(() => session.destroy());
    const stream = session.request({ ":path": "/sse" });
    let received = "";
    await within(
      new Promise<void>((resolve) => {
        stream.on("data", (chunk) => {
          received += chunk;
          if (received.includes("Hello world!")) resolve();
        });
      }),
      "greeting",
    );
  },

  bun: (start) => greets((options) => start({ ...options, runtime: "bun" })),
  deno: (start) => greets((options) => start({ ...options, runtime: "deno" })),

  async compression(start) {
    const headers = { "Accept-Encoding": "gzip" };
    const origin = await start().origin();
    const { response, events } = await readEvents(`${origin}/sse`, 1, { headers });
    expect(response.headers.get("content-encoding")).toBe("gzip");
    expect(data(events)).toEqual(["Hello world!"]);
  },

  async openai(start) {
    const provider = await fakeProvider();
    const origin = await start({ env: openaiEnv(provider.origin) }).origin();
    const { events } = await readEvents(`${origin}/chat`, Number.POSITIVE_INFINITY, question);
    expect(data(events)).toEqual([...provider.tokens, "complete"]);
    expect(names(events)).toEqual([...provider.tokens.map(() => "token"), "done"]);

    const endless = await fakeProvider({ endless: true });
    const other = await start({ env: openaiEnv(endless.origin) }).origin();
    await readEvents(`${other}/chat`, 3, question);
    await (await endless.requests.next("request")).aborted;

    const refusing = await fakeProvider({ status: 401 });
    const third = await start({ env: openaiEnv(refusing.origin) }).origin();
    const refused = await readEvents(`${third}/chat`, Number.POSITIVE_INFINITY, question);
    expect(names(refused.events)).toEqual(["failed"]);
  },

  async anthropic(start) {
    const provider = await fakeProvider();
    const env = { ANTHROPIC_API_KEY: "x", ANTHROPIC_BASE_URL: provider.origin };
    const origin = await start({ env }).origin();
    const { events } = await readEvents(`${origin}/sse`, provider.tokens.length);
    expect(data(events)).toEqual(provider.tokens);

    const endless = await fakeProvider({ endless: true });
    const other = await start({
      env: { ANTHROPIC_API_KEY: "x", ANTHROPIC_BASE_URL: endless.origin },
    }).origin();
    await readEvents(`${other}/sse`, 2);
    await (await endless.requests.next("request")).aborted;
  },

  async "read-answer"(start) {
    const { origin } = await listen(
      createServer(async (req, res) => {
        expect([req.method, req.url]).toEqual(["POST", "/chat"]);
        const session = await createSession(req, res);
        await session.iterate([" Hello", "\n"], { eventName: "token" });
        session.push("complete", "done");
        await session.close();
      }),
    );
    const output = await start({ runtime: "browser", origin }).finished();
    expect(output).toBe("token  Hello\ntoken \n\ndone complete\n");
  },

  async "shared-answer"(start) {
    const origin = await start().origin();
    const leaver = await openStream(`${origin}/room`);
    const stayer = await openStream(`${origin}/room`);
    await fetch(`${origin}/ask`, { method: "POST" });
    expect(data(await leaver.take(1))).toEqual(["One"]);
    leaver.close();
    expect(data(await stayer.take(5))).toEqual(["One", " answer", " for", " all", "complete"]);
  },
});

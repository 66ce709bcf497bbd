import type { Server } from "node:http";
import { serve } from "@hono/node-server";
import express from "express";
import { Hono } from "hono";
import { describe, expect, it, onTestFinished } from "vitest";
import {
  type GenerationRequest,
  type Generations,
  generationHandlers,
  generationRoutes,
} from "../../lib/streaming/server.ts";
import { make, Scripted, usage } from "../streaming/generations-setup.ts";
import { finish, start } from "../streaming/written.ts";
import { Chat, Page } from "./chat-pages.ts";
import { errorOf, listen } from "./harness.ts";

interface Api {
  generations: Generations;
  provider: Scripted;
  url: string;
}

type Serving = (
  generations: Generations,
  request: (body: Body) => GenerationRequest,
) => Promise<string>;
type Body = { id: string; replace?: boolean };

/** Whose a chat is: the test's user, unless its name says otherwise. */
const authorize = (_: unknown, id: string) => {
  if (id === "broken") throw new Error("the database is down");
  return !id.startsWith("theirs");
};

const overExpress: Serving = async (generations, request) => {
  const app = express();
  const { post, stream, stop } = generationHandlers<express.Request>(generations, {
    start: ({ body }) => request(body),
    authorize,
    session: { transport: process.env.STREAM_LLM_TEST_TRANSPORT === "stream" ? "stream" : "auto" },
  });
  app.post("/api/chat", express.json(), post);
  app.get("/api/chat/:id/stream", stream);
  app.post("/api/chat/:id/stop", stop);
  app.use((error: Error, _: unknown, res: express.Response, __: unknown) => {
    res.status(500).send(error.message);
  });
  const { createServer } = await import("node:http");
  const { origin } = await listen(createServer(app));
  return `${origin}/api/chat`;
};

const overFetch: Serving = async (generations, request) => {
  const app = new Hono();
  const routes = generationRoutes(generations, {
    start: async (given) => request((await given.json()) as Body),
    authorize,
  });
  const params = (c: { req: { param(name: string): string | undefined } }) => ({
    id: c.req.param("id") ?? "",
  });
  app.post("/api/chat", (c) => routes.post(c.req.raw));
  app.get("/api/chat/:id/stream", (c) => routes.stream(c.req.raw, params(c)));
  app.post("/api/chat/:id/stop", (c) => routes.stop(c.req.raw, params(c)));
  app.onError((error, c) => c.text(error.message, 500));
  const server = await new Promise<Server>((resolve) => {
    const made = serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" }, () =>
      resolve(made as Server),
    ) as Server;
  });
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as { port: number };
  return `http://127.0.0.1:${port}/api/chat`;
};

describe.each<[string, Serving]>([
  ["Express", overExpress],
  ["Fetch", overFetch],
])("useChat's transport over %s", (_, serving) => {
  async function api(): Promise<Api> {
    const generations = make({ protocol: "ai-sdk" });
    const provider = new Scripted();
    const url = await serving(generations, ({ id, replace }) => {
      if (id === "refused") throw new Error("no such chat");
      return { id, run: provider.source, replace };
    });
    return { generations, provider, url };
  }

  it("has the answer, also when the page is reloaded while it comes", async () => {
    const { provider, url } = await api();
    const page = new Page(url);
    await page.send("c/1 ü");
    provider.say(start, { type: "reasoning", text: "Hm" }, "Hello", ", wor");
    await page.says("Hello, wor");
    page.close();
    await page.read;
    provider.say("ld");
    const reloaded = new Page(url);
    expect(await reloaded.resume("c/1 ü")).toBe(true);
    await reloaded.says("Hello, world");
    provider.say("!", usage, finish);
    await reloaded.read;
    expect(reloaded.text).toBe("Hello, world!");
    expect(reloaded.message).toMatchObject({
      id: "a1",
      metadata: { usage: { inputTokens: 3, outputTokens: 2, totalTokens: 5 } },
      parts: [
        { type: "step-start" },
        { type: "reasoning", text: "Hm", state: "done" },
        { type: "text", text: "Hello, world!", state: "done" },
      ],
    });
    expect(provider.asked).toBe(1);
  });

  it("has an answer once that has ended, whether the page has loaded it or not", async () => {
    const { provider, url } = await api();
    const chat = new Chat(url, []);
    provider.say(start, { type: "reasoning", text: "Hm" }, "Hello", "!", finish);
    await chat.sendMessage({ text: "Hi" });
    const { messages } = chat;
    expect(messages[1]).toMatchObject({ id: "a1", parts: { length: 3 } });
    for (const loaded of [messages, messages.slice(0, 1)]) {
      const reloaded = new Chat(url, loaded);
      await reloaded.resumeStream();
      expect(reloaded).toMatchObject({ status: "ready", error: undefined });
      expect(reloaded.messages).toEqual(messages);
    }
    expect(provider.asked).toBe(1);
  });

  it("has nothing to resume where there is nothing", async () => {
    const { url } = await api();
    expect(await new Page(url).resume("nobody")).toBe(false);
    expect((await fetch(`${url}/nobody/stream`)).status).toBe(204);
  });

  it("is stopped from another page", async () => {
    const { generations, provider, url } = await api();
    const page = new Page(url);
    await page.send("c");
    provider.say(start, "half");
    await page.says("half");
    const stop = () => fetch(`${url}/c/stop`, { method: "POST" });
    expect(await (await stop()).json()).toEqual({ stopped: true });
    await page.read;
    expect(page.text).toBe("half");
    expect(provider.stopped).toBe(true);
    expect(await (await stop()).json()).toEqual({ stopped: false });
    expect((await generations.get("c"))?.status).toBe("aborted");
  });

  it("is told of an id that runs already, and nobody pays twice", async () => {
    const { generations, provider, url } = await api();
    await new Page(url).send("c");
    const error = await errorOf(() => new Page(url).send("c"));
    expect(JSON.parse(error.message).error.code).toBe("generation-exists");
    expect(provider.asked).toBe(1);
    await generations.close();
    const closed = await errorOf(() => new Page(url).send("d"));
    expect(JSON.parse(closed.message).error.code).toBe("closed");
  });

  it("has a new question take the place of the old one, where that is asked for", async () => {
    const { generations, provider, url } = await api();
    const old = new Scripted();
    const { finished } = await generations.start("c", old.source);
    const page = new Page(url);
    await page.send("c", { replace: true });
    provider.say(start, "new", finish);
    await page.read;
    expect(page.text).toBe("new");
    expect(await finished).toMatchObject({ status: "aborted" });
    expect(await generations.get("c")).toMatchObject({ status: "finished", text: "new" });
  });

  it("does nothing with the generations of others", async () => {
    const { generations, url } = await api();
    await generations.start("theirs", () => new Promise(() => {}));
    const post = { method: "POST", headers: { "content-type": "application/json" } };
    const asking = [
      fetch(url, { ...post, body: '{"id":"theirs"}' }),
      fetch(url, { ...post, body: '{"id":"theirs","replace":true}' }),
      fetch(`${url}/theirs/stream`),
      fetch(`${url}/theirs/stop`, post),
      fetch(`${url}/theirs-or-none/stream`),
    ];
    for (const { status } of await Promise.all(asking)) expect(status).toBe(403);
    expect((await generations.get("theirs"))?.status).toBe("running");
  });

  it("has the application's errors where those of handlers go", async () => {
    const { url } = await api();
    expect((await errorOf(() => new Page(url).send("refused"))).message).toBe("no such chat");
    const broken = await fetch(`${url}/broken/stream`);
    expect([broken.status, await broken.text()]).toEqual([500, "the database is down"]);
    expect((await fetch(`${url}/${"x".repeat(600)}/stream`)).status).toBe(400);
  });
});

it("handlers need to know what to start, and who may", () => {
  const generations = make();
  for (const options of [undefined, {}, { start: () => ({}) }, { authorize: () => true }]) {
    for (const create of [generationHandlers, generationRoutes]) {
      expect(() => create(generations, options as never)).toThrow(
        expect.objectContaining({ code: "invalid-option" }),
      );
    }
  }
});

import express from "express";
import { describe, expect, it } from "vitest";
import { generationHandlers } from "../../lib/streaming/server.ts";
import { eventually } from "../e2e/harness.ts";
import { make, Scripted, usage } from "../streaming/generations-setup.ts";
import { finish, start } from "../streaming/written.ts";
import { openTestPage, type ReactVersion, reactVersions } from "./rig.ts";
import { numbers, requests } from "./servers.ts";

/** A page, and an API whose answers are what the test says; the page's requests are kept. */
async function openChat(version: ReactVersion) {
  const provider = new Scripted();
  const generations = make();
  const app = express();
  const seen: string[] = [];
  const labels: unknown[] = [];
  let open = 0;
  app.use((req, res, next) => {
    seen.push(`${req.method} ${req.url}`);
    labels.push(req.headers["x-label"]);
    open++;
    res.once("close", () => open--);
    next();
  });
  const { post, stream, stop } = generationHandlers<express.Request>(generations, {
    start: ({ body }) => ({ id: body.id, run: provider.source }),
    authorize: () => true,
  });
  app.post("/api/chat", express.json(), post);
  app.get("/api/chat/:id/stream", stream);
  app.post("/api/chat/:id/stop", stop);
  const page = await openTestPage({ version, handle: app });
  return { page, provider, generations, seen, labels, open: () => open };
}

const chat = { endpoint: "/api/chat", id: "c1" };

describe.each(reactVersions)("useStreamingChat, on React %s", (version) => {
  it("asks once in StrictMode, and has the answer token by token, with its usage", async () => {
    const { page, provider, seen, labels } = await openChat(version);
    await page.render("chat", { ...chat, label: "a" }, { strict: true });
    expect(await page.shown()).toMatchObject({ content: "", isStreaming: false, messages: [] });
    await page.call("send", "Hi");
    provider.say(start, "Hello");
    await page.shows({ content: "Hello", isStreaming: true });
    expect(await page.shown()).toMatchObject({
      messages: [
        { role: "user", content: "Hi" },
        { role: "assistant", content: "Hello", status: "streaming" },
      ],
    });
    // The listeners of the last render are called; nothing is asked anew.
    await page.render("chat", { ...chat, label: "b" }, { strict: true });
    provider.say(", world");
    await page.shows({ content: "Hello, world" });
    provider.say(usage, finish);
    await page.shows({ content: "Hello, world", isStreaming: false });
    expect(await page.shown()).toMatchObject({
      usage: { promptTokens: 3, completionTokens: 2, totalTokens: 5 },
      messages: [{ role: "user" }, { role: "assistant", status: "done" }],
    });
    expect(await page.get("heard")).toEqual(["a Hello", "b , world"]);
    expect(await page.get("settled")).toMatchObject([
      { name: "send", value: { role: "assistant", content: "Hello, world" } },
    ]);
    expect(seen).toEqual(["POST /api/chat"]);
    expect(labels).toEqual(["a"]);
    expect(page.complaints).toEqual([]);
  }, 60_000);

  it("renders 5000 tokens of one second at most once per frame, and the text whole", async () => {
    const page = await openTestPage({ version });
    await page.render("chat", { ...chat, tokens: 5000 });
    await page.call("send", "Hi");
    await page.shows({ isStreaming: false, content: numbers(5000) });
    const renders = await page.get("renders");
    expect(renders).toBeLessThanOrEqual((await page.get("frames")) + 2);
    expect((await page.get("seen")).length).toBeGreaterThanOrEqual(5);
    expect(await page.get("heard")).toHaveLength(5000);
    expect(page.complaints).toEqual([]);
  }, 60_000);

  it("has the server stop an answer that is cancelled, and keeps what has come", async () => {
    const { page, provider, generations, seen } = await openChat(version);
    await page.render("chat", chat);
    await page.call("send", "Hi");
    provider.say(start, "half");
    await page.shows({ content: "half", isStreaming: true });
    await page.call("cancel");
    await page.shows({ content: "half", isStreaming: false });
    await eventually(() => provider.stopped, "stop of the provider");
    expect((await generations.get("c1"))?.status).toBe("aborted");
    expect(await page.shown()).toMatchObject({
      messages: [{ role: "user" }, { role: "assistant", content: "half", status: "stopped" }],
    });
    expect(seen).toEqual(["POST /api/chat", "POST /api/chat/c1/stop"]);
    await page.call("reset");
    await page.shows({ content: "", messages: [] });
    expect(page.complaints).toEqual([]);
  }, 60_000);

  it("drops the request when it is unmounted, but not the answer: another mount resumes it", async () => {
    const { page, provider, generations, seen, open } = await openChat(version);
    await page.render("chat", chat, { strict: true });
    await page.call("send", "Hi");
    provider.say(start, "Hello");
    await page.shows({ content: "Hello" });
    await page.unmount();
    await eventually(() => open() === 0, "end of the request");
    expect(await page.get("open")).toEqual({ timers: 0, frames: 0, listeners: 0 });
    expect((await generations.get("c1"))?.status).toBe("running");
    await page.call("send", "from beyond");

    provider.say(", wor");
    await page.render("chat", { ...chat, resume: true }, { strict: true });
    await page.shows({ content: "Hello, wor", isStreaming: true });
    provider.say("ld", finish);
    await page.shows({ content: "Hello, world", isStreaming: false });
    expect(await page.get("settled")).toMatchObject([
      { name: "send" },
      { name: "send", error: "aborted" },
    ]);
    expect(seen).toEqual(["POST /api/chat", "GET /api/chat/c1/stream"]);
    expect(provider.asked).toBe(1);
    expect(page.complaints).toEqual([]);
  }, 60_000);

  it("takes up the answer after a reload, and does nothing where there is none", async () => {
    const { page, provider, seen } = await openChat(version);
    // A prompt waits until it is known that there is no answer to take up.
    await page.render("chat", { ...chat, resume: true });
    await eventually(() => seen.length === 1, "first request");
    await page.call("send", "Hi");
    provider.say(start, "Hello");
    await page.shows({ content: "Hello" });
    await page.tab.reload();
    provider.say(", world");
    await page.render("chat", { endpoint: "/api/chat", resume: "c1" }, { strict: true });
    await page.shows({ content: "Hello, world", isStreaming: true });
    provider.say("!", finish);
    await page.shows({ content: "Hello, world!", isStreaming: false });
    expect(seen).toEqual(["GET /api/chat/c1/stream", "POST /api/chat", "GET /api/chat/c1/stream"]);
    expect(provider.asked).toBe(1);
    expect(page.complaints).toEqual([]);
  }, 60_000);

  it("goes on when the connection breaks, without asking twice", async () => {
    const server = requests();
    const page = await openTestPage({ version, handle: server.handle });
    await page.render("chat", chat);
    await page.call("send", "Hi");
    const first = (await server.next()).begin();
    first.send({ token: "Hello" }, { event: "token", id: "1" });
    await page.shows({ content: "Hello" });
    first.res.destroy();
    const second = await server.next();
    expect([second.url, second.headers["last-event-id"]]).toEqual(["/api/chat/c1/stream", "1"]);
    second.begin().send({ token: ", world" }, { event: "token", id: "2" });
    second.send({}, { event: "done" }).end();
    await page.shows({ content: "Hello, world", isStreaming: false });
    expect(server.all).toHaveLength(2);
    expect(await page.shown()).not.toHaveProperty("error");
  }, 60_000);

  it("says why an answer failed, and asks again when told to; nothing is unhandled", async () => {
    const server = requests();
    const page = await openTestPage({ version, handle: server.handle });
    await page.render("chat", { ...chat, label: "x" }, { strict: true });
    await page.call("send", "Hi");
    (await server.next()).refuse(403);
    await page.shows({ error: "http-error", isStreaming: false });
    expect(await page.get("heard")).toEqual(["x http-error"]);

    await page.call("retry");
    const second = await server.next();
    await page.call("send", "at once");
    second.begin().send({ token: "Hello" }, { event: "token", id: "1" });
    await page.shows({ content: "Hello", isStreaming: true });
    expect(await page.shown()).not.toHaveProperty("error");
    second.send({}, { event: "done" }).end();
    await page.shows({ content: "Hello", isStreaming: false });
    expect(await page.get("settled")).toMatchObject([
      { name: "send", error: "http-error" },
      { name: "send", error: "busy" },
      { name: "retry", value: { content: "Hello" } },
    ]);
    expect(server.all).toHaveLength(2);
    expect(page.complaints.filter((text) => !text.includes("403"))).toEqual([]);
  }, 60_000);

  it("is another conversation under another id or endpoint", async () => {
    const server = requests();
    const page = await openTestPage({ version, handle: server.handle });
    await page.render("chat", chat, { strict: true });
    await page.call("send", "Hi");
    const first = (await server.next()).begin();
    first.send({ token: "one" }, { event: "token", id: "1" });
    await page.shows({ content: "one" });
    await page.render("chat", { ...chat, id: "c2" }, { strict: true });
    expect(await page.shown()).toMatchObject({ content: "", isStreaming: false, messages: [] });
    await first.aborted;
    await page.call("send", "Ho");
    const second = (await server.next()).begin();
    second.send({ token: "two" }, { event: "token", id: "1" });
    await page.shows({ content: "two" });
    await page.render("chat", { ...chat, id: "c2", endpoint: "/api/other" }, { strict: true });
    expect(await page.shown()).toMatchObject({ content: "", messages: [] });
    await second.aborted;
    expect(server.all.map(({ url }) => url)).toEqual(["/api/chat", "/api/chat"]);
    await page.unmount();
    expect(await page.get("open")).toEqual({ timers: 0, frames: 0, listeners: 0 });
    expect(page.complaints).toEqual([]);
  }, 60_000);
});

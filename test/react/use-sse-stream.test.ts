import { describe, expect, it } from "vitest";
import { eventually } from "../e2e/harness.ts";
import { openTestPage, reactVersions } from "./rig.ts";
import { numbers, type Opened, requests } from "./servers.ts";

async function open(version: "18" | "19") {
  const server = requests();
  const page = await openTestPage({ version, handle: server.handle });
  return { server, page };
}

/** Events by url, and their text. */
const texts: Record<string, [events: string, content: string]> = {
  "/json-strings": ['data: "Hel"\n\ndata: "lo\\n"\n\ndata: [DONE]\n\n', "Hello\n"],
  "/plain": ["data: 1.0\n\ndata:  is {one}\n\nevent: done\ndata: \n\n", "1.0 is {one}"],
  "/objects": [
    'data: {"text":"a"}\n\ndata: {"delta":"b"}\n\ndata: {"content":"c"}\n\ndata: [DONE]\n\n',
    "abc",
  ],
  "/events": [
    'event: start\ndata: {"id":"1"}\n\nevent: token\ndata: {"token":"Hi","index":0}\n\n' +
      'event: metadata\ndata: {"type":"reasoning","text":"Hm"}\n\nevent: done\ndata: {}\n\n',
    "Hi",
  ],
  "/ai-sdk": [
    'data: {"type":"start"}\n\ndata: {"type":"reasoning-delta","id":"r","delta":"Hm"}\n\n' +
      'data: {"type":"text-delta","id":"t","delta":"Hi"}\n\n' +
      'data: {"type":"finish","finishReason":"stop"}\n\ndata: [DONE]\n\n',
    "Hi",
  ],
  "/openai": [
    'data: {"choices":[{"index":0,"delta":{"role":"assistant","content":"Hi"}}]}\n\n' +
      'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n',
    "Hi",
  ],
};

describe.each(reactVersions)("useSSEStream, on React %s", (version) => {
  it("renders 5000 tokens of one second at most once per frame, and the text whole", async () => {
    const page = await openTestPage({ version });
    await page.render("stream", { url: "/tokens", tokens: 5000 });
    await page.shows({ isDone: true, content: numbers(5000), state: "closed" });
    const renders = await page.get("renders");
    expect(renders).toBeLessThanOrEqual((await page.get("frames")) + 2);
    const seen = await page.get("seen");
    expect(seen.length).toBeGreaterThanOrEqual(5);
    for (const content of seen) expect(numbers(5000).startsWith(content)).toBe(true);
    expect(page.complaints).toEqual([]);
  }, 60_000);

  it("reads text in all its forms until it ends, and closes then", async () => {
    const { server, page } = await open(version);
    const urls = Object.keys(texts);
    await page.render("streams", { urls }, { strict: true });
    const streams: Opened[] = [];
    for (const _ of urls) {
      const stream = await server.next();
      streams.push(stream.begin().write(texts[stream.url]?.[0] ?? ""));
    }
    for (const [index, url] of urls.entries()) {
      const content = texts[url]?.[1];
      await page.shows({ content, isDone: true, state: "closed" }, `state-${index}`);
    }
    // It does not wait for the server to end the response.
    for (const { aborted } of streams) await aborted;
    expect(server.all).toHaveLength(urls.length);
    expect(page.complaints).toEqual([]);
  }, 60_000);

  it("goes on from its last event when the connection breaks", async () => {
    const { server, page } = await open(version);
    await page.render("stream", { url: "/tokens" });
    const first = (await server.next()).begin().send("Hello", { id: "1" });
    await page.shows({ content: "Hello" });
    first.res.destroy();
    const second = await server.next();
    expect(second.headers["last-event-id"]).toBe("1");
    second.begin().send(", world", { id: "2" }).write("data: [DONE]\n\n");
    await page.shows({ content: "Hello, world", isDone: true });
    expect(await page.shown()).not.toHaveProperty("error");
  }, 60_000);

  it("has the text once when the server tells it again after a gap", async () => {
    const { server, page } = await open(version);
    await page.render("stream", { url: "/tokens" });
    (await server.next()).begin().send("Hello", { id: "1" }).end();
    const second = (await server.next()).begin();
    second.send({ reason: "unknown-id" }, { event: "gap" });
    second.send("Hel", { id: "8" }).send("lo, world", { id: "9" }).write("data: [DONE]\n\n");
    await page.shows({ content: "Hello, world", isDone: true });
    const seen = await page.get("seen");
    expect(seen.every((content) => "Hello, world".startsWith(content))).toBe(true);
    expect([...seen].sort((a, b) => a.length - b.length)).toEqual(seen);
  }, 60_000);

  it("has the text once when the server does not go on, but sends all of it again", async () => {
    const { server, page } = await open(version);
    const start = (stream: Opened) => stream.begin().send({ type: "start", messageId: "m1" });
    const delta = (text: string) => ({ type: "text-delta", id: "t", delta: text });
    await page.render("stream", { url: "/tokens" });
    start(await server.next())
      .send(delta("Hello"), { id: "1" })
      .end();
    start(await server.next())
      .send(delta("Hello, world"), { id: "2" })
      .send({ type: "finish", finishReason: "stop" })
      .write("data: [DONE]\n\n");
    await page.shows({ content: "Hello, world", isDone: true });
    expect(server.all[1]?.headers["last-event-id"]).toBe("1");
  }, 60_000);

  it("fails when a text that cannot be resumed ends before its end; retry() reads it anew", async () => {
    const { server, page } = await open(version);
    await page.render("stream", { url: "/tokens" });
    (await server.next()).begin().send("Hello").end();
    await page.shows({
      state: "closed",
      isDone: false,
      content: "Hello",
      error: "incomplete-stream",
    });
    expect(server.all).toHaveLength(1);

    await page.call("retry-state");
    const again = (await server.next()).begin().send("Hello").send(", world");
    await page.shows({ state: "open", content: "Hello, world" });
    expect(await page.shown()).not.toHaveProperty("error");
    again.write("data: [DONE]\n\n");
    await page.shows({ isDone: true });
    await page.call("retry-state");
    expect(server.all).toHaveLength(2);
  }, 60_000);

  it("retry() goes on behind an error that the server told, and may fail again", async () => {
    const { server, page } = await open(version);
    await page.render("stream", { url: "/tokens", maxRetries: 1 });
    const failed = { error: "later", code: "RATE_LIMIT" };
    (await server.next()).begin().send("Hello", { id: "1" }).send(failed, { event: "error" });
    await page.shows({ state: "closed", content: "Hello", error: "answer-failed" });

    await page.call("retry-state");
    (await server.next()).refuse(503);
    (await server.next()).refuse(503);
    await page.shows({ state: "closed", isDone: false, error: "http-error" });

    await page.call("retry-state");
    const last = await server.next();
    expect(last.headers["last-event-id"]).toBe("1");
    last.begin().send(", world", { id: "2" }).write("data: [DONE]\n\n");
    await page.shows({ content: "Hello, world", isDone: true });
    expect(await page.shown()).not.toHaveProperty("error");
  }, 60_000);

  it("fails by what the server says, be it a status, a page or an event", async () => {
    const { server, page } = await open(version);
    await page.render("streams", { urls: ["/status", "/html", "/event", "/busy", "/nothing"] });
    let busy = 0;
    for (let count = 0; count < 6; count++) {
      const request = await server.next();
      if (request.url === "/status") request.refuse(404);
      if (request.url === "/html") request.refuse(200, { "Content-Type": "text/html" }, "<h1>Hi");
      if (request.url === "/event") {
        request
          .begin()
          .send("Hi")
          .send({ error: "no more", code: "RATE_LIMIT" }, { event: "error" });
      }
      if (request.url === "/busy" && ++busy === 1) request.refuse(429, { "Retry-After": "0" });
      else if (request.url === "/busy") request.begin().write("data: at last\n\ndata: [DONE]\n\n");
      if (request.url === "/nothing") request.res.writeHead(204).end();
    }
    await page.shows({ state: "closed", isDone: false, error: "http-error" }, "state-0");
    await page.shows({ state: "closed", isDone: false, error: "not-a-stream" }, "state-1");
    await page.shows({ state: "closed", content: "Hi", error: "answer-failed" }, "state-2");
    await page.shows({ content: "at last", isDone: true }, "state-3");
    await page.shows({ state: "closed", content: "", isDone: true }, "state-4");
    expect(server.all).toHaveLength(6);
  }, 60_000);

  it("shows nothing of a url before when urls change fast, and ends with one stream", async () => {
    const { server, page } = await open(version);
    await page.render("stream", { url: "/0" }, { strict: true });
    (await server.next()).begin().send("zero", { id: "1" });
    await page.shows({ content: "zero" });
    for (let index = 1; index <= 20; index++) {
      await page.render("stream", { url: `/${index}` }, { strict: true });
      expect(await page.shown()).toMatchObject({ content: "", state: "connecting" });
    }
    await eventually(() => server.all.some(({ url }) => url === "/20"), "last request");
    for (const request of server.all) {
      if (!request.res.headersSent) request.begin().send(request.url);
    }
    await page.shows({ content: "/20" });
    const others = server.all.filter(({ url }) => url !== "/20");
    await eventually(() => others.every(({ isAborted }) => isAborted), "no other stream open");
    expect(server.all.find(({ url }) => url === "/20")).toMatchObject({ isAborted: false });
    expect(await page.get("seen")).toEqual(["", "zero", "", "/20"]);
    await page.unmount();
    await eventually(() => server.all.every(({ isAborted }) => isAborted), "no stream open");
    expect(await page.get("open")).toEqual({ timers: 0, frames: 0, listeners: 0 });
    expect(page.complaints).toEqual([]);
  }, 60_000);

  it("keeps components apart", async () => {
    const { server, page } = await open(version);
    await page.render("streams", { urls: ["/a", null, "/b"] });
    const streams = [await server.next(), await server.next()];
    for (const stream of streams) stream.begin().send(stream.url);
    await page.shows({ content: "/a" }, "state-0");
    await page.shows({ content: "/b" }, "state-2");
    expect(await page.shown("state-1")).toMatchObject({ state: "idle", content: "" });
    await page.render("streams", { urls: ["/a"] });
    const b = streams.find(({ url }) => url === "/b");
    await b?.aborted;
    expect(streams.find(({ url }) => url === "/a")?.isAborted).toBe(false);
  }, 60_000);

  it("goes on where the page is hidden and has no frames", async () => {
    const { server, page } = await open(version);
    await page.render("stream", { url: "/tokens" });
    const stream = (await server.next()).begin().send("seen");
    await page.shows({ content: "seen" });
    await page.tab.evaluate(() => {
      (globalThis as unknown as { rig: { hidden: boolean } }).rig.hidden = true;
    });
    stream.send(", unseen").write("data: [DONE]\n\n");
    await page.shows({ content: "seen, unseen", isDone: true });
    expect(await page.get("open")).toEqual({ timers: 0, frames: 0, listeners: 0 });
  }, 60_000);

  it("closes before the first byte, and while it waits to try again", async () => {
    const { server, page } = await open(version);
    await page.render("stream", { url: "/silent" });
    const silent = await server.next();
    await page.unmount();
    await silent.aborted;
    await page.render("stream", { url: "/down" });
    (await server.next()).refuse(503, { "Retry-After": "1000" });
    await page.shows({ state: "waiting", error: "http-error" });
    await page.unmount();
    expect(await page.get("open")).toEqual({ timers: 0, frames: 0, listeners: 0 });
  }, 60_000);
});

import { describe, expect, it } from "vitest";
import { openTestPage, reactVersions } from "./rig.ts";
import { requests } from "./servers.ts";

const token = (token: string) => ({ token });

describe.each(reactVersions)("within Suspense, on React %s", (version) => {
  it("connects once, when the component is shown", async () => {
    const server = requests();
    const page = await openTestPage({ version, handle: server.handle });
    await page.render("suspended", { url: "/tokens" }, { strict: true });
    await page.tab.locator("#fallback").waitFor();
    expect(server.all).toHaveLength(0);
    await page.call("resolveLate");
    (await server.next()).begin().send("Hello");
    await page.shows({ content: "Hello" });
    expect(server.all).toHaveLength(1);
    expect(page.complaints).toEqual([]);
  }, 60_000);
});

describe("within Activity, on React 19", () => {
  it("leaves the stream while it is hidden, and goes on from its last event", async () => {
    const server = requests();
    const page = await openTestPage({ version: "19", handle: server.handle });
    await page.render("hideableStream", { url: "/tokens", isHidden: false }, { strict: true });
    const first = (await server.next()).begin().send("Hello", { id: "1" });
    await page.shows({ content: "Hello" });
    await page.render("hideableStream", { url: "/tokens", isHidden: true }, { strict: true });
    await first.aborted;
    expect(await page.get("open")).toEqual({ timers: 0, frames: 0, listeners: 0 });
    await page.render("hideableStream", { url: "/tokens", isHidden: false }, { strict: true });
    const second = await server.next();
    expect(second.headers["last-event-id"]).toBe("1");
    second.begin().send(", world", { id: "2" }).write("data: [DONE]\n\n");
    await page.shows({ content: "Hello, world", isDone: true });

    // What is done is not read again.
    await page.render("hideableStream", { url: "/tokens", isHidden: true }, { strict: true });
    await page.render("hideableStream", { url: "/tokens", isHidden: false }, { strict: true });
    await page.shows({ content: "Hello, world", isDone: true });
    expect(server.all).toHaveLength(2);
    expect(page.complaints).toEqual([]);
  }, 60_000);

  it("reads a text without ids again from its start", async () => {
    const server = requests();
    const page = await openTestPage({ version: "19", handle: server.handle });
    await page.render("hideableStream", { url: "/tokens", isHidden: false });
    const first = (await server.next()).begin().send("Hello");
    await page.shows({ content: "Hello", state: "open" });
    await page.render("hideableStream", { url: "/tokens", isHidden: true });
    await first.aborted;
    await page.render("hideableStream", { url: "/tokens", isHidden: false });
    const second = await server.next();
    await page.shows({ content: "Hello", state: "connecting" });
    second.begin().send("Hel").send("lo, world").write("data: [DONE]\n\n");
    await page.shows({ content: "Hello, world", isDone: true });
    expect(await page.get("seen")).not.toContain("Hel");
  }, 60_000);

  it("leaves an answer while it is hidden, and takes it up again", async () => {
    const server = requests();
    const page = await openTestPage({ version: "19", handle: server.handle });
    const chat = { endpoint: "/api/chat", id: "c1" };
    await page.render("hideableChat", { ...chat, isHidden: false }, { strict: true });
    await page.call("send", "Hi");
    const first = (await server.next()).begin().send(token("Hello"), { event: "token", id: "1" });
    await page.shows({ content: "Hello", isStreaming: true });
    await page.render("hideableChat", { ...chat, isHidden: true }, { strict: true });
    await first.aborted;
    await page.render("hideableChat", { ...chat, isHidden: false }, { strict: true });
    const second = await server.next();
    expect(`${second.res.req.method} ${second.url}`).toBe("GET /api/chat/c1/stream");
    second.begin().send(token("Hello, world"), { event: "token", id: "2" });
    second.send({}, { event: "done" }).end();
    await page.shows({ content: "Hello, world", isStreaming: false });
    expect(await page.shown()).toMatchObject({
      messages: [
        { role: "user", content: "Hi" },
        { role: "assistant", content: "Hello, world", status: "done" },
      ],
    });
    expect(server.all).toHaveLength(2);
    expect(page.complaints).toEqual([]);
  }, 60_000);
});

import { describe, expect, it } from "vitest";
import { createChannel, createSession } from "../../lib/index.ts";
import { eventually, Queue } from "../e2e/harness.ts";
import { openTestPage, reactVersions } from "./rig.ts";
import { requests } from "./servers.ts";

describe.each(reactVersions)("useChannel, on React %s", (version) => {
  it("has the channel's state and last event, and listeners by name", async () => {
    const channel = createChannel();
    const sessions = new Queue();
    const page = await openTestPage({
      version,
      handle: async (req, res) => {
        const session = await createSession(req, res);
        channel.register(session);
        sessions.put(session);
      },
    });
    await page.render("channel", { url: "/events", label: "a" });
    await sessions.next("session");
    await page.shows({ state: "open" });
    expect(await page.shown()).toEqual({ state: "open" });
    channel.broadcast({ text: "Hello" }, "greeting", { eventId: "1" });
    channel.broadcast(7, "count", { eventId: "2" });
    await page.shows({ last: { event: "count", data: 7, id: "2" } });
    expect(await page.get("heard")).toEqual([
      "a greeting Hello 1",
      "a any greeting",
      "a count 7",
      "a any count",
    ]);
    expect(page.complaints).toEqual([]);
  }, 60_000);

  it("calls the listeners of the last render, and reads its headers, on the stream it has", async () => {
    const server = requests();
    const page = await openTestPage({ version, handle: server.handle });
    await page.render("channel", { url: "/events", label: "first" });
    const first = (await server.next()).begin().send({ text: "a" }, { event: "greeting", id: "1" });
    await page.shows({ last: { event: "greeting", data: { text: "a" }, id: "1" } });
    await page.render("channel", { url: "/events", label: "second" });
    first.send(2, { event: "count", id: "2" });
    await page.shows({ last: { event: "count", data: 2, id: "2" } });
    expect(await page.get("heard")).toEqual([
      "first greeting a 1",
      "first any greeting",
      "second count 2",
      "second any count",
    ]);
    expect(server.all).toHaveLength(1);
    expect(first.headers["x-label"]).toBe("first");

    // The connection breaks: the next one goes on, with what headers are now.
    first.res.destroy();
    const second = await server.next();
    expect(second.headers).toMatchObject({ "x-label": "second", "last-event-id": "2" });
    second.begin().send(3, { event: "count", id: "3" });
    await page.shows({ state: "open", last: { event: "count", data: 3, id: "3" } });
  }, 60_000);

  it("tells of every event, but renders once per frame", async () => {
    const server = requests();
    const page = await openTestPage({ version, handle: server.handle });
    await page.render("channel", { url: "/events", label: "" });
    const stream = (await server.next()).begin();
    for (let count = 1; count <= 1000; count++) stream.send(count, { event: "count" });
    await page.shows({ last: { event: "count", data: 1000, id: "" } });
    expect(await page.get("heard")).toHaveLength(2000);
    expect(await page.get("renders")).toBeLessThanOrEqual((await page.get("frames")) + 2);
  }, 60_000);

  it("has events of any name", async () => {
    const server = requests();
    const page = await openTestPage({ version, handle: server.handle });
    await page.render("channel", { url: "/events", label: "" });
    const stream = (await server.next()).begin();
    for (const event of ["toString", "__proto__"]) stream.send(1, { event });
    await page.shows({ last: { event: "__proto__", data: 1, id: "" } });
    expect(await page.get("heard")).toEqual([" any toString", " any __proto__"]);
    expect(page.complaints).toEqual([]);
  }, 60_000);

  it("leaves a channel that it is not asked for any more, in StrictMode too", async () => {
    const server = requests();
    const page = await openTestPage({ version, handle: server.handle });
    await page.render("channel", { url: "/a", label: "" }, { strict: true });
    const a = (await server.next()).begin().send(1, { event: "count", id: "1" });
    await page.shows({ state: "open", last: { event: "count", data: 1, id: "1" } });
    await page.render("channel", { url: "/b", label: "" }, { strict: true });
    expect(await page.shown()).toEqual({ state: "connecting" });
    await a.aborted;
    const b = (await server.next()).begin().send(2, { event: "count" });
    expect([b.url, b.headers["last-event-id"]]).toEqual(["/b", undefined]);
    await page.shows({ state: "open", last: { event: "count", data: 2, id: "" } });

    await page.render("channel", { url: null, label: "" }, { strict: true });
    expect(await page.shown()).toEqual({ state: "idle" });
    await b.aborted;
    await page.render("channel", { url: "/c", label: "" }, { strict: true });
    const c = (await server.next()).begin();
    await page.shows({ state: "open" });
    await page.unmount();
    await c.aborted;
    await eventually(() => server.all.every(({ isAborted }) => isAborted), "no stream open");
    expect(server.all.map(({ url }) => url)).toEqual(["/a", "/b", "/c"]);
    expect(await page.get("open")).toEqual({ timers: 0, frames: 0, listeners: 0 });
    expect(page.complaints).toEqual([]);
  }, 60_000);

  it("says why it is closed, and opens again when asked to", async () => {
    const server = requests();
    const page = await openTestPage({ version, handle: server.handle });
    await page.render("channel", { url: "/events", label: "" });
    const first = (await server.next()).begin().send(1, { event: "count", id: "1" });
    await page.shows({ last: { event: "count", data: 1, id: "1" } });
    first.res.destroy();
    (await server.next()).refuse(403);
    await page.shows({ state: "closed", error: "http-error" });
    await page.call("retry");
    const again = await server.next();
    expect(again.headers["last-event-id"]).toBe("1");
    again.begin();
    await page.shows({ state: "open" });
    expect(await page.shown()).toMatchObject({ last: { data: 1 } });
    await page.call("retry");
    expect(server.all).toHaveLength(3);
  }, 60_000);
});

import { createServer } from "node:http";
import { describe, expect, it } from "vitest";
import { createChannel, createSession, type Session } from "../../lib/index.ts";
import { launchBrowser, listen, Queue, sessionOptions, within } from "./harness.ts";

const page = `<!doctype html><title>test page</title><script>
  window.seen = [];
  window.opened = 0;
  window.source = new EventSource("/events");
  const keep = (event) => seen.push([event.type, event.lastEventId, event.data]);
  for (const name of ["message", "named", "tick"]) source.addEventListener(name, keep);
  source.addEventListener("open", () => opened++);
</script>`;

type Page = { seen: [string, string, string][]; opened: number; source: { close(): void } };

async function openPage() {
  const sessions = new Queue<Session>();
  const disconnects = new Queue<{ reason: string }>();
  const server = await listen(
    createServer(async (req, res) => {
      if (req.url !== "/events") {
        res.writeHead(req.url === "/" ? 200 : 404, { "Content-Type": "text/html; charset=utf-8" });
        return res.end(page);
      }
      const session = await createSession(
        req,
        res,
        sessionOptions({ retry: 50, maxBufferedBytes: 1 << 24 }),
      );
      session.on("disconnected", (how) => disconnects.put(how));
      sessions.put(session);
    }),
  );
  const browser = await launchBrowser();
  const tab = await browser.newPage();
  await tab.goto(`${server.origin}/`, { timeout: 20_000 });
  const until = (count: number) =>
    tab.waitForFunction((n) => (globalThis as unknown as Page).seen.length >= n, count, {
      timeout: 10_000,
      polling: 20,
    });
  const seen = () => tab.evaluate(() => (globalThis as unknown as Page).seen);
  return { tab, until, seen, sessions, disconnects };
}

describe("Chromium's own EventSource", () => {
  it("gets events one by one, reconnects with the last id, and is missed when its tab closes", async () => {
    const { tab, until, seen, sessions, disconnects } = await openPage();
    const first = await sessions.next("first session");
    expect(first.lastId).toBe("");
    first.push("one", "message", "1");
    await until(1);
    first.push({ text: " é 🎉\n" }, "named", "é 2");
    await until(2);
    createChannel().register(first).broadcast([3], "tick", { eventId: "3 ü" });
    await until(3);
    expect(await seen()).toEqual([
      ["message", "1", '"one"'],
      ["named", "é 2", '{"text":" é 🎉\\n"}'],
      ["tick", "3 ü", "[3]"],
    ]);

    await within(first.close(), "close()");
    expect(await disconnects.next()).toMatchObject({ reason: "closed" });
    const second = await sessions.next("reconnection");
    expect(second.lastId).toBe("3 ü");
    second.push("four", "message", "4");
    await until(4);
    expect(await tab.evaluate(() => (globalThis as unknown as Page).opened)).toBe(2);

    await tab.close();
    expect(await disconnects.next("disconnect")).toMatchObject({ reason: "client-closed" });
    expect(second.isConnected).toBe(false);
    expect(disconnects.seen).toHaveLength(2);
  }, 60_000);

  it("reads data of any shape as it was pushed", async () => {
    const { until, seen, sessions } = await openPage();
    const session = await sessions.next("session");
    const hostile = [
      "",
      " ",
      "a\nb",
      "a\r\nb\rc\n",
      "data: x\n\nid: evil",
      "\u2028\ud800",
      "x".repeat(1 << 20),
    ];
    for (const [index, text] of hostile.entries()) session.push(text, "message", `i\n${index}`);
    await session.batch((buffer) => {
      for (let index = 0; index < 100; index++) buffer.push(index, "tick", `b${index}`);
    });
    await until(hostile.length + 100);
    const events = await seen();
    const texts = events.slice(0, hostile.length).map(([, , data]) => JSON.parse(data));
    expect(texts).toEqual(hostile);
    expect(events[2]?.[1]).toBe("i2");
    expect(events.slice(hostile.length).map(([, , data]) => Number(data))).toEqual([
      ...Array(100).keys(),
    ]);
  }, 60_000);
});

import { expect } from "vitest";
import { fakeProvider } from "../e2e/providers.ts";
import { startRedis } from "../redis/redis-server.ts";
import { testSnippets } from "./document.ts";
import { openStream, readEvents } from "./programs.ts";

testSnippets("docs/redis.md", {
  async channels(start) {
    const redis = await startRedis({ appendonly: true });
    const env = { REDIS_URL: redis.url };
    const servers = [start({ env }), start({ env })];
    const [first = "", second = ""] = await Promise.all(servers.map((server) => server.origin()));
    const streams = await Promise.all([first, second, second].map((origin) => openStream(origin)));
    const post = async () => (await fetch(first, { method: "POST" })).json();
    let presence: unknown;
    for (let look = 0; look < 100; look++) {
      presence = await post();
      if ((presence as { sessions: number }).sessions === 3) break;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(presence).toEqual({ sessions: 3, processes: 2 });
    const events = await Promise.all(streams.map(async ({ take }) => (await take(1))[0]));
    expect(events[0]).toMatchObject({ event: "headline", data: '{"headline":"It works"}' });
    for (const event of events) expect(event).toEqual(events[0]);
    // What its id lacks comes from the other server as well.
    await post();
    const again = await openStream(first, { headers: { "Last-Event-ID": events[0]?.id ?? "" } });
    expect((await again.take(1))[0]?.id).not.toBe(events[0]?.id);
    await redis.kill();
    await servers[0]?.printed("Redis cannot be reached");
    await redis.restart();
    await post();
    again.close();
    for (const stream of streams) stream.close();
    for (const server of servers) {
      server.signal("SIGTERM");
      await server.finished();
    }
  },

  async generations(start) {
    const redis = await startRedis();
    const provider = await fakeProvider();
    const env = {
      OPENAI_API_KEY: "x",
      OPENAI_BASE_URL: `${provider.origin}/v1`,
      REDIS_URL: redis.url,
    };
    const servers = [start({ env }), start({ env })];
    const [first, second] = await Promise.all(servers.map((server) => server.origin()));
    const headers = { "x-user": "ada", "Content-Type": "application/json" };
    const body = JSON.stringify({ id: "ada-1" });
    const asked = await fetch(`${first}/api/chat`, { method: "POST", headers, body });
    const own = await asked.text();
    const text = provider.tokens.join("");
    const { events } = await readEvents(`${second}/api/chat/ada-1/stream`, undefined, { headers });
    const deltas = events.flatMap(({ data }) => (data.startsWith("{") ? [JSON.parse(data)] : []));
    expect(deltas.map(({ delta = "" }) => delta).join("")).toBe(text);
    expect(own).toContain("[DONE]");
    expect(events.at(-1)?.data).toBe("[DONE]");
    // A new question on the other server takes the place of the answer.
    const again = await fetch(`${second}/api/chat`, { method: "POST", headers, body });
    expect(await again.text()).toContain("[DONE]");
    for (const server of servers) {
      server.signal("SIGTERM");
      await server.finished();
    }
  },
});

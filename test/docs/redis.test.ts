import { expect } from "vitest";
import { fakeProvider } from "../e2e/providers.ts";
import { startRedis } from "../redis/redis-server.ts";
import { testSnippets } from "./document.ts";
import { readEvents } from "./programs.ts";

testSnippets("docs/redis.md", {
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

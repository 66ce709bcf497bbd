import { spawn } from "node:child_process";
import { request } from "node:http";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished } from "vitest";
import { freePort, startRedis } from "../redis/redis-server.ts";
import { compiledSnippet } from "./compile.ts";
import { testSnippets } from "./document.ts";
import { openStream } from "./programs.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

/**
 * The status of a POST over a connection of its own, which goes to the worker whose turn it is; 0 when it broke.
 * Node may hand it to a worker that has just died, where nobody answers it.
 */
function post(origin: string): Promise<number> {
  return new Promise((resolve) => {
    const asking = request(origin, { method: "POST", agent: false });
    asking.once("response", (response) => resolve(response.resume().statusCode ?? 0));
    asking.setTimeout(2000, () => asking.destroy());
    asking.once("error", () => resolve(0)).end();
  });
}

async function posted(origin: string) {
  let status = 0;
  for (let attempt = 0; attempt < 1000 && status !== 204; attempt++) {
    status = await post(origin);
    if (status !== 204) await new Promise((resolve) => setTimeout(resolve, 10));
  }
  expect(status).toBe(204);
}

/** The program of the snippet, on a port of its own: what the other pages' programs run in does not reach workers. */
async function startCluster(redisUrl: string): Promise<string> {
  const port = await freePort();
  const env = { ...process.env, REDIS_URL: redisUrl, PORT: String(port) };
  const program = compiledSnippet("docs/deploy.md", "cluster");
  const child = spawn(process.execPath, [program], { cwd: root, env, stdio: "inherit" });
  onTestFinished(async () => {
    const exit = new Promise((resolve) => child.once("close", resolve));
    child.kill("SIGKILL");
    await exit;
  });
  const origin = `http://127.0.0.1:${port}`;
  await posted(origin);
  return origin;
}

// The configuration of nginx runs in test/redis/nginx.test.ts.
testSnippets("docs/deploy.md", {
  async cluster() {
    const origin = await startCluster((await startRedis()).url);
    const streams = await Promise.all([1, 2, 3, 4, 5, 6].map(() => openStream(origin)));
    const ids = new Set<string | undefined>();
    const workers = new Set<number>();
    let rounds = 0;
    // Both, once the second listens as well.
    for (let round = 1; round <= 100 && (round <= 4 || workers.size < 2); round++) {
      rounds = round;
      await posted(origin);
      const events = await Promise.all(streams.map(async ({ take }) => (await take(1))[0]));
      expect(new Set(events.map((event) => event?.id)).size).toBe(1);
      ids.add(events[0]?.id);
      const { from } = JSON.parse(events[0]?.data ?? "{}");
      workers.add(from);
    }
    expect(ids.size).toBe(rounds);
    expect(workers.size).toBe(2);

    // A worker that is killed takes its streams along; those come back, to whichever is there.
    const [killed = 0] = workers;
    process.kill(killed, "SIGKILL");
    const last = [...ids].at(-1) as string;
    await posted(origin);
    const again = await openStream(origin, { headers: { "Last-Event-ID": last } });
    const [missed] = await again.take(1);
    expect(JSON.parse(missed?.data ?? "{}").from).toEqual(expect.any(Number));
    expect(missed?.event).toBeUndefined();
  },
});

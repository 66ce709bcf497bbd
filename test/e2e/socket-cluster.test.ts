import { describe, expect, it } from "vitest";
import { preamble, startChild } from "./child.ts";
import { RawClient, within } from "./harness.ts";
import { lane } from "./lane.ts";

describe.each(["SCHED_RR", "SCHED_NONE"])("workers of node:cluster, %s", (policy) => {
  it("have their sessions on the same lane as any process", async () => {
    const child = await startChild(`${preamble}
import cluster from "node:cluster";
import { closeAll } from "./lib/index.js";
cluster.schedulingPolicy = cluster.${policy};
if (cluster.isPrimary) {
  const workers = [cluster.fork(), cluster.fork()];
  const ports = workers.map((worker) => new Promise((resolve) => worker.once("message", resolve)));
  const [port] = await Promise.all(ports);
  console.log("port", port);
  process.stdin.once("data", () => {
    for (const worker of workers) worker.send("end");
    process.stdin.unref();
  });
  const codes = workers.map((worker) => new Promise((resolve) => worker.once("exit", resolve)));
  console.log("codes", (await Promise.all(codes)).join());
} else {
  const server = createServer(async (req, res) => {
    const session = await createSession(req, res, { ...options, retry: null, eventId: null });
    session.push({ worker: cluster.worker.id, transport: session.transport });
  });
  process.send(await listening(server));
  process.once("message", async () => {
    await closeAll({ data: "bye", retry: null });
    cluster.worker.disconnect();
  });
}
`);
    const port = Number(await child.line("port", 20_000));
    const clients: RawClient[] = [];
    for (let count = 0; count < 8; count++) {
      const client = await RawClient.get(port, "/", { headers: { Connection: "close" } });
      await client.bodyIncludes(`"transport":"${lane}"`);
      clients.push(client);
    }
    const served = new Set(clients.map(({ body }) => /"worker":(\d)/.exec(body)?.[1]));
    // The system, asked to choose, may choose one of them.
    if (policy === "SCHED_RR") expect(served.size).toBe(2);
    child.process.stdin?.write("end\n");
    for (const client of clients) {
      await client.bodyIsWhole();
      expect(client.body).toMatch(/^data:.*\n\ndata:"bye"\n\n$/);
    }
    expect(await child.line("codes", 20_000)).toBe("0,0");
    expect(await within(child.exit, `exit; output: ${child.output()}`)).toBe(0);
  }, 60_000);
});

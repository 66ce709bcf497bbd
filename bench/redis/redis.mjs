import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { gone, spawnTracked } from "../harness/processes.mjs";

/** What connecting takes, and this program's questions. */
const connecting = /^(info|hello|auth|select|ping|client\|setinfo|config\|.*)$/;

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Starts a redis-server of the benchmark's own; nothing of it is kept. */
export async function startRedis() {
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), "stream-llm-bench-redis-"));
  const settings = ["--bind", "127.0.0.1", "--dir", folder, "--save", "", "--appendonly", "no"];
  const child = spawnTracked("redis-server", ["--port", `${port}`, ...settings], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await new Promise((resolve, reject) => {
    let said = "";
    child.once("error", reject);
    child.once("exit", () => reject(new Error(`redis-server ended: ${said}`)));
    child.stdout.on("data", (chunk) => {
      said += chunk;
      if (said.includes("Ready to accept connections")) resolve();
    });
  });
  const client = new Redis(port, "127.0.0.1", { disableClientInfo: true });

  /** Calls of each command, bytes in and out, and seconds of CPU, since the start. */
  async function figures() {
    const info = await client.info("everything");
    const number = (name) => Number(new RegExp(`^${name}:(\\S+)`, "m").exec(info)?.[1]);
    const commands = {};
    for (const [, name, calls] of info.matchAll(/^cmdstat_(\S+?):calls=(\d+)/gm)) {
      if (!connecting.test(name)) commands[name] = Number(calls);
    }
    return {
      commands,
      bytes: number("total_net_input_bytes") + number("total_net_output_bytes"),
      cpu: number("used_cpu_user") + number("used_cpu_sys"),
    };
  }

  async function close() {
    client.disconnect();
    child.kill("SIGKILL");
    await gone(child, 1000);
    rmSync(folder, { recursive: true, force: true });
  }

  return { port, figures, close };
}

export const redisVersion = () =>
  /v=(\S+)/.exec(execFileSync("redis-server", ["--version"]).toString())?.[1];

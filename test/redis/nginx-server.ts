import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { configOf } from "../../scripts/chaos/nginx-config.mjs";
import { within } from "../e2e/harness.ts";
import { freePort } from "./redis-server.ts";

/** "default" is nginx's own, "recommended" that of docs/deploy.md. */
export const configurations = ["default", "recommended"] as const;

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    const end = (isOpen: boolean) => {
      socket.destroy();
      resolve(isOpen);
    };
    socket.once("connect", () => end(true)).once("error", () => end(false));
  });
}

async function listens(port: number, child: ChildProcess, output: () => string) {
  while (!(await answers(port))) {
    if (child.exitCode !== null) throw new Error(`nginx ended: ${output()}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Starts nginx before servers on these ports; it ends with the test. Returns its origin. */
export async function startNginx(
  which: (typeof configurations)[number],
  ports: readonly number[],
): Promise<string> {
  const home = mkdtempSync(join(tmpdir(), "stream-llm-nginx-"));
  const port = await freePort();
  const file = join(home, "nginx.conf");
  writeFileSync(file, configOf({ which, port, ports, home }));
  const args = ["-p", home, "-e", join(home, "error.log"), "-c", file];
  const child = spawn("nginx", args, { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (text) => {
      output += text;
    });
  }
  child.on("error", (error) => {
    output += error.message;
  });
  onTestFinished(async () => {
    const exit = new Promise((resolve) => child.once("close", resolve));
    child.kill("SIGKILL");
    if (child.pid !== undefined) await exit;
    rmSync(home, { recursive: true, force: true });
  });
  await within(
    listens(port, child, () => output),
    "nginx that listens",
  );
  return `http://127.0.0.1:${port}`;
}

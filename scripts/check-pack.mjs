// Runs before packing. A bundler fails on a `new URL()` literal whose file is missing, so each
// target in dist/prebuilds.js must have its binary in the tarball:
// - npm publish: the list and prebuilds/ must be the same, and every binary fit to be released;
// - npm pack: a tarball for the targets at hand; dist/prebuilds.js is cut down to them.
// Neither takes a development build, which `npm test` leaves in prebuilds/.
// Usage: check-pack.mjs [ROOT]

import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { glibcNeeded, newestGlibcAllowed } from "./glibc.mjs";

const root = resolve(process.argv[2] ?? join(dirname(fileURLToPath(import.meta.url)), ".."));
const listFile = join(root, "dist", "prebuilds.js");

const binary = (target) => join(root, "prebuilds", target, "stream-llm.node");

function fail(problems) {
  for (const problem of problems) console.error(`check-pack: ${problem}`);
  process.exit(1);
}

function builtTargets() {
  const folder = join(root, "prebuilds");
  if (!existsSync(folder)) return [];
  return readdirSync(folder).filter((target) => existsSync(binary(target)));
}

/** Only release builds come without asserts. */
function hasAsserts(target) {
  return /(?<![a-z])_+assert_(fail|rtn)\b/.test(readFileSync(binary(target), "latin1"));
}

function releaseProblems(listed, built) {
  const missing = listed.filter((target) => !built.includes(target));
  const extra = built.filter((target) => !listed.includes(target));
  const tooNew = built
    .filter((target) => target.startsWith("linux-"))
    .filter((target) => glibcNeeded(binary(target)) > newestGlibcAllowed);
  return [
    ...missing.map((target) => `lib/prebuilds.ts lists ${target}, prebuilds/ has no binary of it`),
    ...extra.map((target) => `prebuilds/ has ${target}, lib/prebuilds.ts does not list it`),
    ...tooNew.map(
      (target) =>
        `${target} asks for glibc 2.${glibcNeeded(binary(target))}, newer than 2.${newestGlibcAllowed}: npm run prebuilds`,
    ),
  ];
}

function cutDown(missing) {
  let list = readFileSync(listFile, "utf8");
  for (const target of missing) {
    const entry = new RegExp(`\\s*"${target}": \\(\\) =>\\s*new URL\\([^)]*\\),?`);
    if (!entry.test(list)) fail([`no entry of ${target} in ${listFile}`]);
    list = list.replace(entry, "");
  }
  writeFileSync(listFile, list);
}

const { prebuilds } = await import(pathToFileURL(listFile).href);
const listed = Object.keys(prebuilds);
const built = builtTargets();
if (built.length === 0) fail(["prebuilds/ is empty: npm run build:native, or npm run prebuilds"]);
const asserting = built.filter(hasAsserts);
if (asserting.length > 0) {
  fail(asserting.map((target) => `${target} is a development build: npm run build:native`));
}

if (process.env.npm_command === "publish") {
  const problems = releaseProblems(listed, built);
  if (problems.length > 0) fail(problems);
} else {
  const missing = listed.filter((target) => !built.includes(target));
  cutDown(missing);
  if (missing.length > 0) {
    console.error(`check-pack: a tarball for ${built.join(", ")}; without ${missing.join(", ")}`);
  }
}

#!/usr/bin/env bash
# Puts the package, as it is built, where an installation would: examples/next/node_modules/stream-llm. What npm
# makes there is a link to this folder, which Next.js bundles as a part of the application instead of leaving it out.
set -euo pipefail
cd "$(dirname "$0")/.."

to=examples/next/node_modules/stream-llm
rm -rf "$to"
mkdir -p "$to"
cp -R package.json dist types prebuilds "$to/"
# A release has a binary for each target; here there is that of this machine. What the bundler only has to find may be empty.
node --input-type=module -e '
  import { existsSync, mkdirSync, writeFileSync } from "node:fs";
  import { dirname } from "node:path";
  import { prebuilds } from "./dist/prebuilds.js";
  for (const target of Object.keys(prebuilds)) {
    const file = `${process.argv[1]}/prebuilds/${target}/stream-llm.node`;
    if (existsSync(file)) continue;
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, "");
  }' "$to"

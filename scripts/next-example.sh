#!/usr/bin/env bash
# Puts the package, as it is built, where an installation would: examples/next/node_modules/stream-llm. What npm
# makes there is a link to this folder, which Next.js bundles as a part of the application instead of leaving it out.
set -euo pipefail
cd "$(dirname "$0")/.."

to=examples/next/node_modules/stream-llm
rm -rf "$to"
mkdir -p "$to"
cp -R package.json dist types prebuilds "$to/"

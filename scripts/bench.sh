#!/usr/bin/env bash
# Measures stream-llm and its peers; the options are bench/run.mjs's: npm run bench -- --help
set -euo pipefail
cd "$(dirname "$0")/.."
bash scripts/setup.sh test
cmake --preset bench -DSTREAM_LLM_ADDON=OFF >/dev/null
cmake --build --preset bench --parallel 2 --target engine_bench bench_client send_loop
if [[ ! -e bench/node_modules/.package-lock.json ||
  bench/package-lock.json -nt bench/node_modules/.package-lock.json ]]; then
  npm ci --prefix bench --no-audit --no-fund </dev/null
fi
exec node bench/run.mjs "$@"

#!/usr/bin/env bash
# Runs clang-tidy over src/ and binding/, with the compile commands of the dev preset.
set -euo pipefail
cd "$(dirname "$0")/.."
[[ -e build/dev/compile_commands.json ]] || cmake --preset dev >/dev/null
git ls-files -z --cached --others --exclude-standard 'src/*.cc' 'binding/*.cc' |
  xargs -0r -n 4 -P "${JOBS:-2}" clang-tidy --config-file=.clang-tidy -p build/dev --quiet

#!/usr/bin/env bash
# Formats all C++, or only checks it: scripts/format.sh --dry-run -Werror
set -euo pipefail
cd "$(dirname "$0")/.."
git ls-files -z --cached --others --exclude-standard '*.cc' '*.h' | xargs -0r clang-format -i "$@"

#!/usr/bin/env bash
# Installs what the repository needs and is missing: npm packages and system packages.
# Usage: scripts/setup.sh [build|test|ci]   build: to build and run; test: also to run every test;
#                                           ci: also the formatter, the linter and the fuzzers.
set -euo pipefail
cd "$(dirname "$0")/.."

level=${1:-build}
case $level in
  build | test | ci) ;;
  *) echo "setup: unknown level '$level', expected build, test or ci" >&2 && exit 2 ;;
esac

say() { echo "setup: $*"; }
fail() { say "$*" >&2 && exit 1; }

has() { command -v "$1" >/dev/null; }
has_header() { echo "#include <$1>" | c++ -x c++ -fsyntax-only - 2>/dev/null; }
has_browser() { has chromium || has chromium-browser || has google-chrome; }
# Not every PATH has the folder of system programs.
has_nginx() { has nginx || [[ -x /usr/sbin/nginx ]]; }
has_fuzzer() { has clang++ && ls "$(clang++ -print-resource-dir)"/lib/*/libclang_rt.fuzzer* >/dev/null 2>&1; }

missing=()
need() { # PACKAGE CHECK...: PACKAGE is missing unless CHECK succeeds
  local package=$1
  shift
  "$@" || missing+=("$package")
}

find_missing() {
  missing=()
  need cmake has cmake
  need make has make
  need g++ has c++
  [[ $level == build ]] && return
  need libgtest-dev has_header gtest/gtest.h
  need libgmock-dev has_header gmock/gmock.h
  need libbenchmark-dev has_header benchmark/benchmark.h
  need chromium has_browser
  need openssl has openssl
  need redis-server has redis-server
  need nginx has_nginx
  [[ $level == test ]] && return
  need clang has clang++
  need libclang-rt-dev has_fuzzer
  need clang-format has clang-format
  need clang-tidy has clang-tidy
}

install_missing() {
  local root=()
  if [[ $EUID != 0 ]]; then root=(sudo); fi
  local install=("${root[@]}" apt-get install -y --no-install-recommends "${missing[@]}")
  has apt-get || fail "missing: ${missing[*]} (Debian's names). Install them, then run this again."
  if [[ $EUID != 0 ]] && ! sudo -n true 2>/dev/null; then
    fail "missing system packages. Run this, then try again: ${install[*]}"
  fi
  say "installing with apt: ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  "${root[@]}" apt-get update -qq || say "apt-get update failed, trying with the lists at hand"
  "${install[@]}" </dev/null || fail "apt failed. Install by hand: ${install[*]}"
  find_missing
  [[ ${#missing[@]} == 0 ]] || fail "still missing after the installation: ${missing[*]}"
}

say "1/3 Node"
has node || fail "Node is missing: install Node 20.19 or later, https://nodejs.org"
node -e 'const [a, b] = process.versions.node.split(".").map(Number);
  process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' ||
  fail "Node $(node -v) is too old: 20.19 or later is needed, https://nodejs.org"

say "2/3 system packages to $level"
find_missing
[[ ${#missing[@]} == 0 ]] || install_missing

say "3/3 npm packages"
# npm writes the hidden file at the end of each installation.
if [[ ! -e node_modules/.package-lock.json || package-lock.json -nt node_modules/.package-lock.json ]]; then
  say "npm ci"
  npm ci --no-audit --no-fund </dev/null
fi
say "ready"

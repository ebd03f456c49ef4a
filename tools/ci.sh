#!/usr/bin/env bash
# tools/ci.sh: all checks that must pass before a change is merged, in stages; stops at the first failure.
# tools/ci.sh long: the same kinds of checks for longer: mutants, more schedules, longer fuzzing, the slow half
# of clang-tidy's checks. Runs every night.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
unset MAKEFLAGS MAKELEVEL

table=""
current=""
began=$SECONDS
all_began=$SECONDS

stage() {
  current=$1
  shift
  began=$SECONDS
  printf '\n=== %s: %s\n' "$current" "$*"
  "$@"
  row "$current" "$((SECONDS - began))" passed
  current=""
}

row() {
  table+=$(printf '  %-14s %5d s  %s' "$@")$'\n'
}

report() {
  local status=$?
  [[ -z $current ]] || row "$current" "$((SECONDS - began))" FAILED
  printf '\n%s  %-14s %5d s\n' "$table" all "$((SECONDS - all_began))"
  [[ $status == 0 ]] || echo "ci: stage '$current' failed" >&2
}
trap report EXIT

quick() {
  stage setup tools/setup.sh build int lint
  stage checks tools/lint.sh source
  stage build tools/build.sh release
  stage test make test
  stage sim env N=20000 make sim
  stage generated tools/lint.sh built
  stage docs-test tools/docs_test.sh
  stage build-debug tools/build.sh debug
  stage clang-tidy tools/lint.sh clang
  stage test-debug tools/test.sh debug
  stage fuzz env FUZZ_SECONDS=5 tools/fuzz.sh
  stage build-tsan tools/build.sh tsan
  stage test-tsan tools/test.sh tsan
  stage e2e make test-int
  stage e2e-debug env EVENT_INGESTOR=build/debug/event-ingestor tools/test_int.sh -m sanitizer
}

long() {
  stage setup tools/setup.sh build int lint
  stage build tools/build.sh release
  stage sim env N=500000 SEED="$(date +%s)" make sim
  stage mutants tools/mutants.py
  stage build-debug tools/build.sh debug
  stage clang-tidy tools/lint.sh nightly
  stage test-debug env EI_SCHEDULES=10000 tools/test.sh debug
  stage fuzz env FUZZ_SECONDS=300 tools/fuzz.sh
}

case ${1:-quick} in
  quick | long) "${1:-quick}" ;;
  *) echo "usage: tools/ci.sh [long]" >&2 && exit 2 ;;
esac

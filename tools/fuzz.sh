#!/usr/bin/env bash
# tools/fuzz.sh [NAME...]: builds the fuzzers (all, or those named). Runs each over its corpus in
# fuzz/corpus/NAME, where a failing entry is a failing test, and then for FUZZ_SECONDS (60) on generated
# inputs. New corpus entries go to build/fuzz/corpus, failing inputs to build/fuzz/failed.
# tools/fuzz.sh --self-test: checks that a planted fault is found, by fuzzing and in the corpus.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=tools/sanitizers.sh
source tools/sanitizers.sh

seconds=${FUZZ_SECONDS:-60}
planted=planted_fault
# An input that needs more time or memory than a request may use is a fault too.
limits=(-timeout=10 -rss_limit_mb=2048 -print_final_stats=0 -verbosity=0)

binary() { echo "build/debug/fuzz/$1_fuzz"; }

# run_one NAME CORPUS SECONDS: prints the output, which ends with the path of the failing input, only if the
# run fails.
run_one() {
  local name=$1 corpus=$2 for_seconds=$3 output
  mkdir -p "build/fuzz/corpus/$name" build/fuzz/failed
  local fuzzer=("$(binary "$name")" "${limits[@]}" -artifact_prefix="build/fuzz/failed/$name-")
  # libFuzzer would treat 0 seconds as unlimited.
  if ! output=$(
    "${fuzzer[@]}" -runs=0 "$corpus" 2>&1 &&
      { ((for_seconds == 0)) ||
        "${fuzzer[@]}" -max_total_time="$for_seconds" "build/fuzz/corpus/$name" "$corpus" 2>&1; }
  ); then
    printf '%s\nfuzz: %s failed; keep the input that is named above in fuzz/corpus/%s\n' \
      "$output" "$name" "$name" >&2
    return 1
  fi
  echo "fuzz: $name passed: $(find "$corpus" -type f | wc -l) entries, then $for_seconds s"
}

self_test() {
  tools/build.sh debug "${planted}_fuzz" >/dev/null
  local corpus
  corpus=$(mktemp -d)
  trap 'rm -rf "$corpus"' RETURN
  echo "harmless" >"$corpus/seed"
  run_one $planted "$corpus" 0 >/dev/null
  if run_one $planted "$corpus" 20 >/dev/null 2>&1; then
    echo "fuzz: the planted fault was not found by fuzzing" >&2
    return 1
  fi
  echo "event" >"$corpus/fails"
  if run_one $planted "$corpus" 0 >/dev/null 2>&1; then
    echo "fuzz: a failing corpus entry was not reported" >&2
    return 1
  fi
  rm -rf "build/fuzz/corpus/$planted" build/fuzz/failed/$planted-*
}

if [[ ${1:-} == --self-test ]]; then
  self_test
  exit
fi

names=("$@")
if ((${#names[@]} == 0)); then
  for source in fuzz/*_fuzz.cc; do
    name=$(basename "$source" _fuzz.cc)
    [[ $name == "$planted" ]] || names+=("$name")
  done
fi
for name in "${names[@]}"; do
  [[ -d fuzz/corpus/$name ]] || { echo "fuzz: fuzz/corpus/$name is missing; add some seeds" >&2 && exit 1; }
done
tools/build.sh debug "${names[@]/%/_fuzz}"
self_test

status=0
running=0
for name in "${names[@]}"; do
  if ((running == $(nproc))); then
    wait -n || status=1
    running=$((running - 1))
  fi
  run_one "$name" "fuzz/corpus/$name" "$seconds" &
  running=$((running + 1))
done
while ((running > 0)); do
  wait -n || status=1
  running=$((running - 1))
done
exit $status

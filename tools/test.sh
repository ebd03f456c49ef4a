#!/usr/bin/env bash
# tools/test.sh PRESET [ctest argument...]: runs the unit, contract and simulation tests of build/PRESET.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=tools/sanitizers.sh
source tools/sanitizers.sh
preset=${1:?usage: tools/test.sh PRESET [ctest argument...]}
shift

# With ASan and UBSan more than 500 schedules find nothing new.
[[ $preset != debug ]] || export EI_SCHEDULES=${EI_SCHEDULES:-500}

# Four fifths of the time of the unit tests is waiting, for time limits to pass.
workers=$(($(nproc) + 1))

if [[ $preset == release || $# -gt 0 ]]; then
  exec ctest --preset "$preset" --no-tests=error --timeout 600 --parallel "$workers" "$@"
fi

# Single-threaded tests: they can't have races for TSan to find, and take up to ninety times as long as in a
# release build.
left_out=""
[[ $preset != tsan ]] || left_out="WalSimulation.*:WalDamage*:DeliverySchedules.*:DecoderAgainstReference.*:SettingsYaml.*:\
*/JournalModel.*:*/EventsModel.*:*/JournalShares.Random*"

# One process per test, as ctest runs them, costs a sanitized program a quarter of a second for each of 1,700
# tests. Here each program runs in a few parts.
parts=8
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
# shellcheck disable=SC2317 # xargs calls it
run_part() {
  local program=$1 part=$2 log=$logs/$1.$2
  if GTEST_TOTAL_SHARDS=$parts GTEST_SHARD_INDEX=$part timeout 1200 "build/$preset/tests/$program" \
    ${left_out:+"--gtest_filter=-$left_out"} --gtest_brief=1 >"$log" 2>&1; then
    return 0
  fi
  printf '%s, part %s of %s, failed:\n' "$program" "$part" "$parts"
  tail -n 100 "$log"
  return 1
}
export -f run_part
export preset parts logs left_out
status=0
for program in simulation_tests fault_tests contract_tests unit_tests; do
  for ((part = 0; part < parts; ++part)); do printf '%s %s\0' "$program" "$part"; done
done | xargs -0 -P "$workers" -I{} bash -c 'run_part {}' || status=1
for program in unit_tests contract_tests fault_tests simulation_tests; do
  ran=$(sed -n 's/^\[==========\] \([0-9]*\) tests\{0,1\} from .* ran.*/\1/p' "$logs/$program".* | awk '{ sum += $1 } END { print sum + 0 }')
  echo "$program: $ran tests ran"
  [[ $ran -gt 0 || ($program == simulation_tests && -n $left_out) ]] || status=1
done
((status == 0)) && echo "all tests passed" || echo "tests failed"
exit $status

#!/usr/bin/env bash
# tools/sim.sh: runs the simulators of the log and of the Kafka producer: N schedules of each (default
# 100,000) on all cores; with SEED alone, that one schedule again.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

program=build/release/tests/simulation_tests
filter='--gtest_filter=WalSimulation.WhatIsAcknowledgedIsKept:WalSimulation.NotesOfOtherEventsSettleNothing:Kafka*'

if [[ -n ${SEED:-} && -z ${N:-} ]]; then
  EI_SCHEDULES=1 EI_SEED=$SEED exec "$program" "$filter"
fi

count=${N:-100000}
first=${SEED:-1}
jobs=$(nproc)
share=$(((count + jobs - 1) / jobs))
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
echo "Simulating $((share * jobs)) schedules each from seed $first on $jobs cores"
began=$SECONDS
pids=()
for ((job = 0; job < jobs; ++job)); do
  EI_SCHEDULES=$share EI_SEED=$((first + job * share)) "$program" "$filter" >"$logs/$job" 2>&1 &
  pids+=($!)
done
status=0
for ((job = 0; job < jobs; ++job)); do
  wait "${pids[job]}" || {
    status=1
    grep -v '^\[ occurred \]' "$logs/$job"
  }
done
awk '/^\[ occurred \]/ { count = $4; sub(/^\[ occurred \] [0-9]+ x /, ""); sum[$0] += count }
  END { for (kind in sum) printf "%12d  %s\n", sum[kind], kind }' "$logs"/* | sort -k2
echo "$((share * jobs)) schedules in $((SECONDS - began)) s: $([[ $status == 0 ]] && echo 'no violation' || echo VIOLATIONS)"
exit $status

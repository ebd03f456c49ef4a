#!/usr/bin/env bash
# tools/test.sh PRESET [ctest argument...]: runs the unit, contract and simulation tests of build/PRESET.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=tools/sanitizers.sh
source tools/sanitizers.sh
preset=${1:?usage: tools/test.sh PRESET [ctest argument...]}
shift

# The simulation of the log has one thread: of what TSan looks for it shows nothing, at ninety times the time of a
# release. ASan and UBSan see in 2,000 schedules what they see in more.
left_out=()
[[ $preset != tsan ]] || left_out=(--exclude-regex '^WalSimulation\.')
[[ $preset != debug ]] || export EI_SCHEDULES=${EI_SCHEDULES:-2000}
[[ $preset != release ]] || sanitized=()
exec "${sanitized[@]}" ctest --preset "$preset" --no-tests=error --timeout 600 --parallel "$(nproc)" \
  "${left_out[@]}" "$@"

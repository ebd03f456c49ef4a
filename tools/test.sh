#!/usr/bin/env bash
# tools/test.sh PRESET [ctest argument...]: runs the unit, contract and simulation tests of build/PRESET.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=tools/sanitizers.sh
source tools/sanitizers.sh
preset=${1:?usage: tools/test.sh PRESET [ctest argument...]}
shift

# The simulation of the log has one thread: of what TSan looks for it shows next to nothing, at ninety times the
# time of a release.
[[ $preset != tsan ]] || export EI_SCHEDULES=${EI_SCHEDULES:-500}
[[ $preset != release ]] || sanitized=()
exec "${sanitized[@]}" ctest --preset "$preset" --no-tests=error --timeout 600 --parallel "$(nproc)" "$@"

#!/usr/bin/env bash
# tools/test.sh PRESET [ctest argument...]: runs the unit, contract and simulation tests of build/PRESET.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=tools/sanitizers.sh
source tools/sanitizers.sh
preset=${1:?usage: tools/test.sh PRESET [ctest argument...]}
shift

[[ $preset != release ]] || sanitized=()
exec "${sanitized[@]}" ctest --preset "$preset" --no-tests=error --timeout 600 --parallel "$(nproc)" "$@"

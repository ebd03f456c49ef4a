#!/usr/bin/env bash
# tools/build.sh PRESET [target...]: configures if needed and builds into build/PRESET. Without targets: all.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=tools/sanitizers.sh
source tools/sanitizers.sh
preset=${1:?usage: tools/build.sh PRESET [target...]}
shift

# Lets compiler cache entries be shared by all clones of the project. ccache wants to be asked for
# precompiled headers, because macros that are defined between them and the source could be missed.
export CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1 CCACHE_SLOPPINESS=pch_defines,time_macros

# Ninja reconfigures when a CMake file changes, but doesn't notice changes of the presets.
if [[ ! build/$preset/build.ninja -nt CMakePresets.json ]]; then
  cmake --preset "$preset"
fi
exec cmake --build --preset "$preset" --parallel "$(nproc)" ${1:+--target "$@"}

#!/usr/bin/env bash
# tools/build.sh PRESET [target...]: configures when needed and builds into build/PRESET; without targets, all.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=tools/sanitizers.sh
source tools/sanitizers.sh
preset=${1:?usage: tools/build.sh PRESET [target...]}
shift

# Compiler cache hits across clones of the project.
export CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1

# Ninja configures anew by itself when a CMake file changes, but does not know the presets.
if [[ ! build/$preset/build.ninja -nt CMakePresets.json ]]; then
  cmake --preset "$preset"
fi
exec cmake --build --preset "$preset" --parallel "$(nproc)" ${1:+--target "$@"}

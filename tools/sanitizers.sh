# shellcheck shell=bash
# Sourced by the scripts that build or run sanitizer builds. Release binaries ignore these variables.

symbolizer=external_symbolizer_path=/usr/bin/llvm-symbolizer-19
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:abort_on_error=0:$symbolizer}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1:halt_on_error=1:$symbolizer}
export TSAN_OPTIONS=${TSAN_OPTIONS:-halt_on_error=1:second_deadlock_stack=1:$symbolizer}

# shellcheck shell=bash disable=SC2034
# Sourced by the scripts that build or run sanitizer builds. Release binaries ignore all of this.

export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:abort_on_error=0}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1:halt_on_error=1}
export TSAN_OPTIONS=${TSAN_OPTIONS:-halt_on_error=1:second_deadlock_stack=1}

# gcc 12's run-times can't place their shadow memory where the kernel randomises more than 28 bits of an
# address (vm.mmap_rnd_bits), so sanitized programs run without randomisation where that may be switched off.
# Building needs it too: CMake runs the tests once to list them.
sanitized=()
if setarch --addr-no-randomize true 2>/dev/null; then
  sanitized=(setarch --addr-no-randomize)
fi

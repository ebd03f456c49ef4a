#!/usr/bin/env bash
# tools/arm64.sh [pytest argument...]: cross-compiles the service for arm64 and runs black-box tests of it by
# emulation, against a real Kafka. Without arguments: the tests of delivery, ack levels and the log. A manual
# check: the release workflow builds and tests the image on arm64 itself.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

tools/setup.sh arm64
root=$PWD/build/arm64-root
if [[ ! -e $root.made ]]; then
  rm -rf "$root" && mkdir -p build
  libraries=$(tools/setup.sh --list-libraries | paste -sd,)
  # The packages are only unpacked, so none of their programs has to run here.
  mmdebstrap --quiet --architectures=arm64 --variant=extract --hook-dir=/usr/share/mmdebstrap/hooks/merged-usr \
    --include="libc6-dev,libstdc++-12-dev,$libraries" bookworm "$root"
  touch "$root.made"
fi
export PKG_CONFIG_SYSROOT_DIR=$root
export PKG_CONFIG_LIBDIR=$root/usr/lib/aarch64-linux-gnu/pkgconfig:$root/usr/share/pkgconfig
cmake -S . -B build/arm64 -G Ninja -DCMAKE_TOOLCHAIN_FILE="$PWD/cmake/arm64.cmake" -DCMAKE_BUILD_TYPE=Release \
  -DEI_TESTS=OFF -DEI_BENCH=OFF
cmake --build build/arm64 --target event-ingestor

service=build/arm64/emulated
printf '#!/bin/sh\nexec qemu-aarch64-static -L "%s" "%s" "$@"\n' "$root" "$PWD/build/arm64/event-ingestor" >$service
chmod +x $service
$service version
(($# > 0)) || set -- -k "test_delivery or test_ack_levels or test_wal"
EVENT_INGESTOR=$service exec tools/test_int.sh "$@"

#!/usr/bin/env bash
# tools/image/stand_ins.sh [NAME...]: builds local images that replace the public ones where no registry is
# reachable; without names, all of them. They are made from Debian packages and the Maven repository, for
# development and tests only.
#
#   build       debian:*-slim: a minimal Debian 12
#   runtime     gcr.io/distroless/static-debian12: certificates, time zones, the users; no shell
#   kafka       apache/kafka: the broker's jars with the entry point of the official image (the same KAFKA_* settings)
#   prometheus  prom/prometheus: Debian's Prometheus with the official image's paths
#
# There is no stand-in for Grafana: neither Debian nor another source of this project has it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

prefix=event-ingestor-stand-in
folder=tools/image/stand_ins

say() { echo "stand-ins: $*" >&2; }

main() {
  tools/setup.sh docker stand-ins
  local name
  for name in "${@:-all}"; do
    case $name in
      build) debian build ca-certificates ;;
      runtime) make_runtime ;;
      kafka) make_kafka ;;
      prometheus) make_prometheus ;;
      all) main build runtime kafka prometheus ;;
      *)
        sed -n '2,10s/^# \{0,1\}//p' "$0" >&2
        exit 2
        ;;
    esac
  done
}

have() { docker image inspect "$prefix/$1" >/dev/null 2>&1; }

# Images with a folder of files are rebuilt when one of these files has changed.
files_of() { find "$folder/$1" -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum | cut -c 1-16; }
is_current() { [[ $(docker image inspect --format '{{.Config.Labels.files}}' "$prefix/$1" 2>/dev/null) == "$(files_of "$1")" ]]; }

# debian NAME PACKAGE,...: a minimal Debian with these packages.
debian() {
  ! have "$1" || return 0
  say "making $prefix/$1"
  mmdebstrap --quiet --variant=minbase --include="$2" bookworm - | docker import - "$prefix/$1" >/dev/null
}

# The content of the distroless base, from the same packages.
make_runtime() {
  ! have runtime || return 0
  say "making $prefix/runtime"
  local work
  work=$(mktemp -d)
  # shellcheck disable=SC2064  # expanded now: the folder of this call
  trap "rm -rf $work" EXIT
  mkdir -p "$work/debs" "$work/root/etc/ssl/certs" "$work/root/home/nonroot"
  (cd "$work/debs" && apt-get -qq download base-files ca-certificates media-types netbase tzdata)
  local deb
  for deb in "$work"/debs/*.deb; do dpkg-deb --extract "$deb" "$work/root"; done
  # Does what update-ca-certificates does on a system with a shell.
  cat "$work"/root/usr/share/ca-certificates/mozilla/*.crt >"$work/root/etc/ssl/certs/ca-certificates.crt"
  printf '%s\n' 'root:x:0:0:root:/root:/sbin/nologin' 'nobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin' \
    'nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin' >"$work/root/etc/passwd"
  printf '%s\n' 'root:x:0:' 'nobody:x:65534:' 'nonroot:x:65532:' >"$work/root/etc/group"
  echo 'hosts: files dns' >"$work/root/etc/nsswitch.conf"
  chmod 1777 "$work/root/tmp"
  chown 65532:65532 "$work/root/home/nonroot"
  tar -C "$work/root" -c . | docker import --change 'USER 65532' - "$prefix/runtime" >/dev/null
  rm -rf "$work"
  trap - EXIT
}

make_kafka() {
  ! is_current kafka || return 0
  tools/setup.sh kafka
  debian jre openjdk-17-jre-headless,bash
  say "making $prefix/kafka"
  local jars=build/stand-ins/kafka
  mvn -q -B -f "$folder/kafka/pom.xml" dependency:copy-dependencies -DincludeScope=runtime \
    -DoutputDirectory="$PWD/$jars/libs" >/dev/null
  cp "$folder"/kafka/{run,kafka-topics.sh,server.properties,log4j2.yaml} "$jars/"
  docker build --quiet --build-arg JRE_BASE="$prefix/jre" --label files="$(files_of kafka)" --tag "$prefix/kafka" \
    --file "$folder/kafka/Dockerfile" "$jars" >/dev/null
}

make_prometheus() {
  ! is_current prometheus || return 0
  say "making $prefix/prometheus"
  local work
  work=$(mktemp -d)
  # Only the static binaries: the package's dependencies are JavaScript for its web pages.
  cp "$(command -v prometheus)" "$(command -v promtool)" "$work/"
  debian build ca-certificates
  docker build --quiet --build-arg BASE="$prefix/build" --label files="$(files_of prometheus)" --tag "$prefix/prometheus" \
    --file "$folder/prometheus/Dockerfile" "$work" >/dev/null
  rm -rf "$work"
}

main "$@"

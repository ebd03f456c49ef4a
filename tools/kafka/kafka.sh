#!/usr/bin/env bash
# A real Apache Kafka broker (KRaft, one process as broker and controller) on loopback.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build=$(cd "$here/../.." && pwd)/build/kafka
libs=$build/libs

usage() {
  cat <<EOF
Usage: tools/kafka/kafka.sh COMMAND

  fetch [VERSION]
           copy the broker's jars from the Maven repository to build/kafka/libs, when they are not there yet;
           those of another version than the usual one to build/kafka/libs-VERSION
  start    run a broker in the foreground until Ctrl-C or SIGTERM
             --port PORT    for clients, default 9092; the controller takes PORT + 1
             --dir DIR      data directory, default build/kafka/data-PORT; kept from run to run
             --fresh        empty the default data directory first

Environment: KAFKA_HEAP (default 768m), KAFKA_START_TIMEOUT in seconds (default 60).
EOF
}

die() {
  echo "kafka.sh: $*" >&2
  exit 1
}

fetch() (
  version=(${1:+-Dkafka.version="$1"})
  target=$libs${1:+-$1}
  stamp=$target/.complete
  mkdir -p "$build"
  # Several callers may start at once (make kafka and make test-int): one fetches, the others wait for it.
  exec 9>"$build/.fetch.lock"
  flock 9
  if [[ -f $stamp ]] && cmp -s "$here/pom.xml" "$stamp"; then
    return 0
  fi
  command -v mvn >/dev/null || die "mvn is missing; run tools/setup.sh kafka"
  echo "Fetching the Kafka jars into $target"
  rm -rf "$target"
  mvn -q -B -f "$here/pom.xml" "${version[@]}" dependency:copy-dependencies -DincludeScope=runtime \
    -DoutputDirectory="$target" >"$build/fetch.log" 2>&1 || fail_with_tail "mvn could not fetch the jars" "$build/fetch.log"
  cp "$here/pom.xml" "$stamp"
)

start() {
  local port=9092 dir="" fresh=no
  while (($# > 0)); do
    case $1 in
      --port) port=${2:?--port needs a number} && shift 2 ;;
      --dir) dir=${2:?--dir needs a directory} && shift 2 ;;
      --fresh) fresh=yes && shift ;;
      *) die "unknown option $1; see kafka.sh help" ;;
    esac
  done
  if ! [[ $port =~ ^[1-9][0-9]{0,4}$ ]] || ((port > 65534)); then
    die "--port must be 1 to 65534, not $port"
  fi
  for tool in java kcat; do
    command -v $tool >/dev/null || die "$tool is missing; run tools/setup.sh kafka"
  done
  local used
  for used in "$port" $((port + 1)); do
    # Otherwise another server on that port would be mistaken for the broker started here.
    ! (: <"/dev/tcp/127.0.0.1/$used") 2>/dev/null || die "port $used is in use; choose another with --port"
  done
  if [[ $fresh == yes ]]; then
    [[ -z $dir ]] || die "--fresh is for the default data directory only; empty $dir yourself"
    rm -rf "$build/data-$port"
  fi
  fetch
  dir=${dir:-$build/data-$port}
  mkdir -p "$dir"
  dir=$(cd "$dir" && pwd)
  local config=$dir/server.properties log=$dir/broker.log
  {
    cat "$here/server.properties"
    echo "listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$((port + 1))"
    echo "advertised.listeners=PLAINTEXT://localhost:$port"
    echo "controller.quorum.voters=1@127.0.0.1:$((port + 1))"
    echo "log.dirs=$dir/logs"
  } >"$config"
  : >"$log"

  local logging=(-Dorg.slf4j.simpleLogger.defaultLogLevel=warn -Dorg.slf4j.simpleLogger.showDateTime=true
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX")
  if [[ ! -f $dir/logs/meta.properties ]]; then
    java -XX:TieredStopAtLevel=1 "${logging[@]}" -cp "$libs/*" kafka.tools.StorageTool \
      format -t "$(cluster_id)" -c "$config" >>"$log" 2>&1 || fail_with_tail "the data directory could not be formatted" "$log"
  fi

  local heap=${KAFKA_HEAP:-768m} limit=${KAFKA_START_TIMEOUT:-60}
  jvm="" ready=no
  trap 'stop_jvm; exit 0' INT TERM
  trap stop_jvm EXIT
  java "-Xmx$heap" "${logging[@]}" -cp "$libs/*" kafka.Kafka "$config" >>"$log" 2>&1 &
  jvm=$!
  local deadline=$((SECONDS + limit))
  # The broker appears in its own metadata only after the controller has registered it, so a listed broker
  # accepts writes.
  until kcat -b "127.0.0.1:$port" -L -m 1 2>/dev/null | grep -q "broker 1 at localhost:$port"; do
    kill -0 "$jvm" 2>/dev/null || fail_with_tail "the broker stopped while starting" "$log"
    ((SECONDS < deadline)) || fail_with_tail "the broker did not answer within $limit s" "$log"
    sleep 0.2
  done
  ready=yes
  echo "Kafka is ready at localhost:$port (data and broker.log in $dir). Ctrl-C stops it."

  local status=0
  wait "$jvm" || status=$?
  jvm=""
  ((status == 0)) || fail_with_tail "the broker stopped by itself, status $status" "$log"
}

# SIGTERM stops Kafka cleanly; a JVM that doesn't end within 20 s is killed. A broker that is still starting
# can't stop cleanly and holds no acknowledged data; it is killed at once.
stop_jvm() {
  trap - EXIT INT TERM
  [[ -n ${jvm:-} ]] && kill -0 "$jvm" 2>/dev/null || return 0
  echo "Stopping Kafka"
  [[ $ready == yes ]] || kill -KILL "$jvm" 2>/dev/null || true
  kill -TERM "$jvm" 2>/dev/null || true
  local deadline=$((SECONDS + 20))
  while kill -0 "$jvm" 2>/dev/null; do
    if ((SECONDS >= deadline)); then
      echo "Kafka did not stop within 20 s: killed" >&2
      kill -KILL "$jvm" 2>/dev/null || true
      break
    fi
    sleep 0.1
  done
  wait "$jvm" 2>/dev/null || true
  jvm=""
}

fail_with_tail() {
  echo "kafka.sh: $1; the end of $2:" >&2
  tail -n 30 "$2" | sed 's/^/  /' >&2
  exit 1
}

# Generates an id like `StorageTool random-uuid`: 16 random bytes in URL-safe base64 without padding.
cluster_id() {
  head -c 16 /dev/urandom | base64 | tr '+/' 'AB' | tr -d '='
}

case ${1:-help} in
  fetch) fetch "${2:-}" ;;
  start) shift && start "$@" ;;
  help | --help | -h) usage ;;
  *) usage >&2 && exit 2 ;;
esac

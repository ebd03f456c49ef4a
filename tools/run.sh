#!/usr/bin/env bash
# tools/run.sh [argument of event-ingestor...]: runs the service, with Kafka as its sink if a broker answers,
# else with files.
# The process becomes the service, so Ctrl-C reaches it directly.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

binary=build/release/event-ingestor
brokers=${KAFKA_BROKERS:-localhost:9092}
files=${FILE_DIR:-var/events}

say() { echo "run: $*" >&2; }

main() {
  [[ -x $binary ]] || {
    say "$binary is not built; run make build"
    exit 1
  }
  choose_sink "$@"
  if flag_given --http "$@" || [[ -n ${CONFIG:-} ]] || flag_given --config "$@" || [[ ${HTTP_PORT:-} == 0 ]]; then
    say "the port is in the log line \"listening\" below; POST events to /events there"
  else
    say "try, in another terminal:"
    cat >&2 <<EOF

  curl -i -H 'Content-Type: application/json' -d '{"type":"signup"}' http://$(url_host):${HTTP_PORT:-8080}/events

EOF
  fi
  exec "$binary" "$@"
}

# If the operator chose a sink in any way, that choice is used; otherwise the script checks for a broker.
choose_sink() {
  if flag_given --sink "$@"; then
    say "sink: set on the command line"
  elif [[ -n ${SINK:-} ]]; then
    say "sink: $SINK, set by SINK"
  elif [[ -n ${CONFIG:-} ]] || flag_given --config "$@"; then
    say "sink: set in the settings file (SINK=kafka or SINK=file overrides it)"
  elif kcat -b "$brokers" -L -m 2 >/dev/null 2>&1; then
    export SINK=kafka
    say "sink: KAFKA. A broker answers at $brokers; events go to topic ${KAFKA_TOPIC:-events}"
  else
    export SINK=file
    say "sink: FILE. No Kafka broker answers at $brokers; events go to files in $files/"
    say "for Kafka: make kafka in another terminal, then make run again (or set KAFKA_BROKERS)"
  fi
}

# Matches --name, --name=value and longer names that start with it.
flag_given() {
  local prefix=$1 argument
  shift
  for argument in "$@"; do
    [[ $argument != "$prefix"* ]] || return 0
  done
  return 1
}

url_host() {
  local host=${HTTP_ADDRESS:-127.0.0.1}
  case $host in
    0.0.0.0) echo 127.0.0.1 ;;
    ::) echo '[::1]' ;;
    *:*) echo "[$host]" ;;
    *) echo "$host" ;;
  esac
}

main "$@"

#!/usr/bin/env bash
# Tests which packages tools/setup.sh would install for Docker, with fake commands for the parts that a
# machine may already have.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

machine=$(mktemp -d)
trap 'rm -rf "$machine"' EXIT
status=0

# has COMMAND BODY: creates a fake command.
has() {
  printf '#!/bin/sh\n%s\n' "$2" >"$machine/$1"
  chmod 755 "$machine/$1"
}

# expect SITUATION PACKAGES: the packages that must be missing.
expect() {
  local got
  got=$(PATH=$machine /bin/bash tools/setup.sh --missing docker | /usr/bin/paste -sd' ')
  [[ $got == "$2" ]] || {
    echo "tools/setup.sh docker, $1: would install \"$got\", not \"$2\""
    status=1
  }
}

ln -s /usr/bin/dirname "$machine/"
has dpkg-query 'exit 1'
expect "no Docker at all" "docker.io docker-compose"
has docker "test \$1 = compose"
expect "a client with compose and no daemon" "docker.io"
has docker 'exit 1'
expect "a client alone" "docker.io docker-compose"
has dockerd 'exit 0'
expect "a daemon that is not running" "docker-compose"
has docker-compose 'exit 0'
expect "everything" ""
rm "$machine/dockerd"
has docker "test \$1 = info"
expect "a client whose daemon is elsewhere" ""
rm "$machine/docker"
expect "compose only" "docker.io"
exit $status

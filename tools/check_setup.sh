#!/usr/bin/env bash
# What tools/setup.sh would install for Docker, with stand-ins for what a machine may have of it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

machine=$(mktemp -d)
trap 'rm -rf "$machine"' EXIT
status=0

# has COMMAND BODY: the machine has it.
has() {
  printf '#!/bin/sh\n%s\n' "$2" >"$machine/$1"
  chmod 755 "$machine/$1"
}

# expect SITUATION PACKAGES: what is missing there.
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
expect "all of it" ""
rm "$machine/dockerd"
has docker "test \$1 = info"
expect "a client whose daemon is elsewhere" ""
rm "$machine/docker"
expect "compose and nothing else" "docker.io"
exit $status

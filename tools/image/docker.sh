# shellcheck shell=bash
# Sourced by the scripts that use Docker: finds a daemon, a client with BuildKit, and the images to use.

say() { echo "docker: $*" >&2; }
die() {
  say "$*"
  exit 1
}

# Where no service manager runs (a container, a rescue system), root starts the daemon here; it keeps running.
need_docker() {
  tools/setup.sh docker
  ! docker info >/dev/null 2>&1 || return 0
  if ((EUID != 0)) || [[ -d /run/systemd/system ]]; then
    die "the Docker daemon doesn't answer; start it (systemctl start docker), and check that you have permission to use it"
  fi
  command -v dockerd >/dev/null || die "dockerd is missing: apt-get install docker.io"
  mkdir -p build/docker
  setsid nohup dockerd >build/docker/dockerd.log 2>&1 &
  local daemon=$! deadline=$((SECONDS + 60))
  until docker info >/dev/null 2>&1; do
    kill -0 "$daemon" 2>/dev/null || die "dockerd ended: $(tail -n 1 build/docker/dockerd.log)"
    ((SECONDS < deadline)) || die "dockerd doesn't answer after 60 s; see build/docker/dockerd.log"
    sleep 0.2
  done
  say "started dockerd, pid $daemon; it runs until you stop it"
}

# Finds a client that can build with BuildKit: one with buildx, or Debian 12's, which has it built in.
buildkit() {
  local client clients
  hash -r # else bash still uses the path of the previous client
  mapfile -t clients < <(type -aP docker)
  for client in "${clients[@]}"; do
    if "$client" buildx version >/dev/null 2>&1 || [[ $("$client" --version) =~ version\ (19|20|21|22)\. ]]; then
      DOCKER_BUILDKIT=1 "$client" "$@"
      return
    fi
  done
  die "no Docker client here can use BuildKit: install buildx, or Debian's docker.io"
}

compose() {
  if docker compose version >/dev/null 2>&1; then
    docker compose "$@"
  elif command -v docker-compose >/dev/null; then
    docker-compose "$@"
  else
    die "neither docker compose nor docker-compose is installed: install the compose plugin, or Debian's docker-compose"
  fi
}

stand_in=event-ingestor-stand-in

# choose_image VARIABLE PUBLIC STAND-IN: exports VARIABLE unless it is set: the public image if it is present
# or can be pulled, else the local stand-in, which is built if it is missing.
choose_image() {
  local variable=$1 public=$2 name=$3
  if [[ -n ${!variable:-} ]]; then
    return 0
  elif [[ ${IMAGES:-} != stand-in ]] && { docker image inspect "$public" || docker pull --quiet "$public"; } >/dev/null 2>&1; then
    export "$variable=$public"
  else
    say "$public is not available: using the local $stand_in/$name"
    tools/image/stand_ins.sh "$name"
    export "$variable=$stand_in/$name"
  fi
}

# dockerfile_default NAME: the default of an argument in the file that uses it.
dockerfile_default() { sed -n "s/^ARG $1=//p" Dockerfile; }
compose_default() { sed -n "s/.*\${$1:-\([^}]*\)}.*/\1/p" docker-compose.yml | head -n 1; }

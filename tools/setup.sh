#!/usr/bin/env bash
# Installs what is missing on a fresh Debian 12, by groups; quick and silent when everything is there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

usage() {
  cat <<EOF
Usage: tools/setup.sh GROUP... | --list

  build   compile and run the service and its C++ tests
  kafka   run a Kafka broker (make kafka)
  int     black-box tests and bench: kafka, nginx as the reference, the Python packages in build/venv
  lint    formatters and static checks
  image   what the Dockerfile's build stage needs
  docker  Docker and compose, where there are none
  stand-ins  local images for where no registry answers

  --list  print every package that any group may install
EOF
}

# What each is for stands in docs/DEPENDENCIES.md; `make lint` checks that every package is there.
build_packages=(
  g++ cmake ninja-build ccache mold pkg-config
  libboost1.81-dev librdkafka-dev libsimdjson-dev prometheus-cpp-dev libspdlog-dev libfmt-dev
  libyaml-cpp-dev libcli11-dev nlohmann-json3-dev libssl-dev libgtest-dev
  curl kcat
)
kafka_packages=(openjdk-17-jre-headless maven kcat)
int_packages=("${kafka_packages[@]}" python3 python3-venv curl nginx-light openssl)
lint_packages=(
  python3 python3-venv
  clang-19 clang-tidy-19 clang-format-19 libclang-rt-19-dev shellcheck shfmt
  prometheus
)
image_packages=("${build_packages[@]}" python3)
docker_packages=(docker.io docker-compose)
stand_ins_packages=(mmdebstrap prometheus)
# Only where no other Go is installed: it compiles actionlint, which Debian does not have.
go_package=golang-go
actionlint_version=v1.6.27
actionlint=build/tools/actionlint-$actionlint_version

say() { echo "setup: $*" >&2; }
die() {
  say "$*"
  exit 1
}

main() {
  (($# > 0)) || { usage >&2 && exit 2; }
  local packages=() venv=no lint=no group
  for group in "$@"; do
    case $group in
      build) packages+=("${build_packages[@]}") ;;
      kafka) packages+=("${kafka_packages[@]}") ;;
      int) packages+=("${int_packages[@]}") && venv=yes ;;
      image) packages+=("${image_packages[@]}") ;;
      docker) command -v docker >/dev/null || packages+=("${docker_packages[@]}") ;;
      stand-ins) packages+=("${stand_ins_packages[@]}") ;;
      lint) packages+=("${lint_packages[@]}") && venv=yes && lint=yes ;;
      --list)
        printf '%s\n' "${build_packages[@]}" "${int_packages[@]}" "${lint_packages[@]}" \
          "${docker_packages[@]}" "${stand_ins_packages[@]}" "$go_package" | sort -u
        exit
        ;;
      *) usage >&2 && exit 2 ;;
    esac
  done
  if [[ $lint == yes && ! -x $actionlint ]] && ! command -v go >/dev/null; then
    packages+=("$go_package")
  fi
  install_packages "${packages[@]}"
  [[ $venv == no ]] || make_venv
  [[ $lint == no || -x $actionlint ]] || make_actionlint
}

install_packages() {
  command -v dpkg-query >/dev/null ||
    die "this needs Debian 12 (or a container of it); elsewhere install by hand: $*"
  # A package that dpkg has never heard of is missing from the answer, and makes the status non-zero.
  local installed missing=() package
  installed=$(dpkg-query -W -f '${db:Status-Abbrev}${Package}\n' "$@" 2>/dev/null || true)
  for package in "$@"; do
    [[ $'\n'$installed$'\n' == *$'\nii '"$package"$'\n'* ]] || missing+=("$package")
  done
  ((${#missing[@]} > 0)) || return 0

  local as_root=()
  if ((EUID != 0)); then
    command -v sudo >/dev/null ||
      die "missing: ${missing[*]}. Installing needs root or sudo; run as root: apt-get install ${missing[*]}"
    as_root=(sudo)
  fi
  grep -qs '^VERSION_CODENAME=bookworm$' /etc/os-release ||
    say "this is not Debian 12 (bookworm); the packages may have other names or versions here"
  say "installing ${missing[*]}"
  local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300
    -o Acquire::Retries=3)
  "${apt[@]}" update || die "apt-get update failed: check the network and /etc/apt/sources.list"
  forbid_services "${as_root[@]}"
  "${apt[@]}" install -y --no-install-recommends "${missing[@]}" >/dev/null ||
    die "apt-get could not install ${missing[*]}; its messages are above"
}

# Debian starts a server as its package arrives (nginx takes port 80). invoke-rc.d asks this file first; it is
# removed at exit. Where one stands already (as in containers) it is the owner's word and stays.
forbid_services() {
  local policy=/usr/sbin/policy-rc.d
  [[ ! -e $policy ]] || return 0
  printf '#!/bin/sh\nexit 101\n' | "$@" tee $policy >/dev/null
  # shellcheck disable=SC2064  # the words of today, not those at exit
  trap "$* rm -f $policy" EXIT
  "$@" chmod 755 $policy
}

# Remade when the pinned packages or Debian's Python change; the stamp is written last.
make_venv() {
  local requirements=tests/requirements.txt want
  want=$(/usr/bin/python3 --version && sha256sum $requirements)
  if [[ -f build/venv/.stamp && $(<build/venv/.stamp) == "$want" ]]; then
    return
  fi
  say "making build/venv from $requirements"
  /usr/bin/python3 -m venv --clear build/venv
  build/venv/bin/pip install --quiet --disable-pip-version-check --requirement $requirements ||
    die "pip could not install $requirements; its messages are above"
  echo "$want" >build/venv/.stamp
}

make_actionlint() {
  say "compiling actionlint $actionlint_version"
  local out
  out=$(mktemp -d)
  mkdir -p build/tools
  GOTOOLCHAIN=local GOBIN=$out go install "github.com/rhysd/actionlint/cmd/actionlint@$actionlint_version" ||
    die "go could not install actionlint; its messages are above"
  mv "$out/actionlint" "$actionlint"
  rmdir "$out"
}

main "$@"

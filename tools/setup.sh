#!/usr/bin/env bash
# Installs the missing packages on a fresh Debian 12, by groups. Fast and silent if nothing is missing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

usage() {
  cat <<EOF
Usage: tools/setup.sh GROUP... | --missing GROUP... | --list

  build   compile and run the service and its C++ tests
  kafka   run a Kafka broker (make kafka)
  int     black-box tests and bench: kafka, nginx as the reference, the Python packages in build/venv
  lint    formatters and static checks
  image   what the Dockerfile's build stage needs
  docker  a Docker daemon and client, and compose, where there are none
  k8s     make test-k8s, make docs-test: helm, and what the black-box tests need
  stand-ins  local images for where no registry answers
  arm64   build and try the service for arm64 on another machine (tools/arm64.sh)

  --missing  print the packages that would be installed, and install nothing
  --list  print every package that any group may install
  --list-libraries  print those that the service is compiled against
EOF
}

# docs/DEPENDENCIES.md explains each package; `make lint` checks that every package is listed there.
build_packages=(
  g++ cmake ninja-build ccache mold pkg-config
  libboost1.81-dev librdkafka-dev liblz4-dev libsnappy-dev libzstd-dev zlib1g-dev libsimdjson-dev libfmt-dev
  libyaml-cpp-dev libcli11-dev nlohmann-json3-dev libssl-dev libgtest-dev
  curl kcat
)
kafka_packages=(openjdk-17-jre-headless maven kcat)
int_packages=("${kafka_packages[@]}" python3 python3-venv curl nginx-light haproxy nodejs openjdk-17-jdk-headless openssl)
lint_packages=(
  python3 python3-venv
  clang-19 clang-tidy-19 clang-format-19 libclang-rt-19-dev llvm-19 python3-clang-19 shellcheck shfmt
  prometheus
)
image_packages=("${build_packages[@]}" python3)
docker_packages=(docker.io)
compose_packages=(docker-compose)
stand_ins_packages=(mmdebstrap prometheus)
arm64_packages=("${int_packages[@]}" cmake ninja-build ccache pkg-config mmdebstrap g++-aarch64-linux-gnu qemu-user-static)
# Installed only if there is no other Go: it compiles actionlint and helm, which Debian does not have, and
# fetches modules.
go_package=golang-go
actionlint_version=v1.6.27
actionlint=build/tools/actionlint-$actionlint_version

# The last version that Debian's Go can compile.
helm_version=v3.12.3
helm=build/tools/helm-$helm_version
# The Kubernetes version that helm assumes without a cluster; a plain build would assume 1.20.
helm_kubernetes_minor=33

# CustomResourceDefinitions of the operator kinds that the chart can render: MODULE VERSION FILE, as their
# modules publish them.
crds=build/crds
crd_files=(
  "sigs.k8s.io/gateway-api v1.4.1 config/crd/standard/gateway.networking.k8s.io_httproutes.yaml"
  "github.com/cert-manager/cert-manager v1.19.1 deploy/crds/cert-manager.io_certificates.yaml"
  "github.com/kedacore/keda/v2 v2.16.1 config/crd/bases/keda.sh_scaledobjects.yaml"
  "github.com/prometheus-operator/prometheus-operator v0.79.2
    example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml"
  "github.com/prometheus-operator/prometheus-operator v0.79.2
    example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml"
)

say() { echo "setup: $*" >&2; }
die() {
  say "$*"
  exit 1
}

# A client alone is not enough: a daemon must answer it, on this machine or at DOCKER_HOST, or be installed so
# that it can be started.
has_docker() {
  command -v docker >/dev/null && { command -v dockerd >/dev/null || docker info >/dev/null 2>&1; }
}

has_compose() { docker compose version >/dev/null 2>&1 || command -v docker-compose >/dev/null; }

main() {
  local only_missing=no
  if [[ ${1:-} == --missing ]]; then
    only_missing=yes
    shift
  fi
  (($# > 0)) || { usage >&2 && exit 2; }
  local packages=() venv=no lint=no helm_wanted=no group
  for group in "$@"; do
    case $group in
      build) packages+=("${build_packages[@]}") ;;
      kafka) packages+=("${kafka_packages[@]}") ;;
      int) packages+=("${int_packages[@]}") && venv=yes ;;
      image) packages+=("${image_packages[@]}") ;;
      docker)
        has_docker || packages+=("${docker_packages[@]}")
        has_compose || packages+=("${compose_packages[@]}")
        ;;
      k8s) packages+=("${int_packages[@]}") && venv=yes && helm_wanted=yes ;;
      stand-ins) packages+=("${stand_ins_packages[@]}") ;;
      arm64) packages+=("${arm64_packages[@]}") && venv=yes ;;
      lint) packages+=("${lint_packages[@]}") && venv=yes && lint=yes ;;
      --list)
        printf '%s\n' "${build_packages[@]}" "${int_packages[@]}" "${lint_packages[@]}" \
          "${docker_packages[@]}" "${compose_packages[@]}" "${stand_ins_packages[@]}" "${arm64_packages[@]}" "$go_package" | sort -u
        exit
        ;;
      --list-libraries) printf '%s\n' "${build_packages[@]}" | grep -- '-dev$' && exit ;;
      *) usage >&2 && exit 2 ;;
    esac
  done
  if [[ ($lint == yes && ! -x $actionlint) || ($lint$helm_wanted == *yes* && (! -x $helm || ! -f $crds/.stamp)) ]] &&
    ! command -v go >/dev/null; then
    packages+=("$go_package")
  fi
  if [[ $only_missing == yes ]]; then
    ((${#packages[@]} == 0)) || missing_packages "${packages[@]}"
    return
  fi
  ((${#packages[@]} == 0)) || install_packages "${packages[@]}"
  [[ $venv == no ]] || make_venv build/venv tests/requirements.txt
  [[ $lint == no ]] || make_venv build/checkov tools/checkov.txt
  [[ $lint == no || -x $actionlint ]] || make_actionlint
  [[ ($lint == no && $helm_wanted == no) || -x $helm ]] || make_helm
  [[ $lint == no && $helm_wanted == no ]] || make_crds
}

# Prints those of the packages that are not installed, one per line.
missing_packages() {
  # A package that dpkg doesn't know is missing from the output and makes the exit status non-zero.
  local installed package
  installed=$(dpkg-query -W -f '${db:Status-Abbrev}${Package}\n' "$@" 2>/dev/null || true)
  for package in "$@"; do
    [[ $'\n'$installed$'\n' == *$'\nii '"$package"$'\n'* ]] || echo "$package"
  done
}

install_packages() {
  command -v dpkg-query >/dev/null ||
    die "this needs Debian 12 (or a container of it); elsewhere install by hand: $*"
  local missing
  mapfile -t missing < <(missing_packages "$@")
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

# Debian starts a server when its package is installed (nginx takes port 80). invoke-rc.d reads this file
# first; it is removed at exit. An existing file (as in containers) is the owner's choice and is kept.
forbid_services() {
  local policy=/usr/sbin/policy-rc.d
  [[ ! -e $policy ]] || return 0
  printf '#!/bin/sh\nexit 101\n' | "$@" tee $policy >/dev/null
  # shellcheck disable=SC2064  # expanded now, not at exit
  trap "$* rm -f $policy" EXIT
  "$@" chmod 755 $policy
}

# make_venv FOLDER REQUIREMENTS: recreated when the pinned packages or Debian's Python change; the stamp is written last.
make_venv() {
  local folder=$1 requirements=$2 want
  want=$(/usr/bin/python3 --version && sha256sum "$requirements")
  if [[ -f $folder/.stamp && $(<"$folder/.stamp") == "$want" ]]; then
    return
  fi
  say "making $folder from $requirements"
  /usr/bin/python3 -m venv --clear "$folder"
  "$folder/bin/pip" install --quiet --disable-pip-version-check --requirement "$requirements" ||
    die "pip could not install $requirements; its messages are above"
  echo "$want" >"$folder/.stamp"
}

make_actionlint() { go_tool actionlint "$actionlint" "github.com/rhysd/actionlint/cmd/actionlint@$actionlint_version"; }

make_helm() {
  local module=helm.sh/helm/v3 set=""
  local place
  for place in pkg/chartutil pkg/lint/rules; do
    set+=" -X $module/$place.k8sVersionMajor=1 -X $module/$place.k8sVersionMinor=$helm_kubernetes_minor"
  done
  set+=" -X $module/internal/version.version=$helm_version"
  go_tool helm "$helm" -trimpath -ldflags "-s -w$set" "$module/cmd/helm@$helm_version"
}

# Verified by Go's checksum database. The stamp is written last.
make_crds() {
  if [[ -f $crds/.stamp && $(<"$crds/.stamp") == "${crd_files[*]}" ]]; then return; fi
  say "fetching $crds"
  rm -rf "$crds" && mkdir -p "$crds"
  local module version file folder
  while read -r module version file; do
    folder=$(GOTOOLCHAIN=local go mod download -json "$module@$version" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
    [[ -n $folder ]] || die "go could not download $module@$version"
    install -m 644 "$folder/$file" "$crds/"
  done < <(printf '%s\n' "${crd_files[@]//$'\n'/}")
  echo "${crd_files[*]}" >"$crds/.stamp"
}

# go_tool NAME TARGET ARGUMENT...: compiles a command, which must be the only one in its folder.
go_tool() {
  local name=$1 target=$2 out
  shift 2
  say "compiling $(basename "$target")"
  out=$(mktemp -d)
  mkdir -p build/tools
  GOTOOLCHAIN=local GOBIN=$out go install "$@" || die "go could not install $name; its messages are above"
  mv "$out/$name" "$target"
  rmdir "$out"
}

main "$@"

#!/usr/bin/env bash
# tools/infra.sh check [CHECK...] | plan aws | apply | lock: checks of infra/; see usage below. Installs the
# tools it needs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

checks=(format rules validate tests values tflint checkov)

usage() {
  cat <<EOF
Usage: tools/infra.sh check [CHECK...] | plan CLOUD | apply [PYTEST ARGUMENT...] | lock

  check      all checks, or the named ones: ${checks[*]}
  plan aws   applies the AWS roots to a local stand-in for AWS, checks for drift, and destroys them
  apply      applies the module and the app roots to a real cluster: KUBECONFIG and IMAGE, or LOCAL_CLUSTER, as described at the
             head of tools/k8s/test.sh
  lock       writes lock files next to the roots, for the common platforms; needs the provider registry

Providers come from the registry or, if it is not reachable, from a mirror made by \`terraform providers mirror\`:
INFRA_PROVIDERS, default ~/.cache/event-ingestor/terraform-providers. A root whose providers are not available is named and
counted as not validated. With INFRA_STRICT=1 that is a failure.
EOF
}

# Pinned here; docs/DEPENDENCIES.md says what each is for.
tofu_version=v1.11.5
tflint_version=v0.64.0
go_version=1.26.8 # compiles the tools if no Go this new is installed

tools=$PWD/build/tools
venv=$PWD/build/infra/venv
work=$PWD/build/infra/${1:-none} # one folder per command, so that two can run at once
source_dir=$work/src
mirror=${INFRA_PROVIDERS:-${XDG_CACHE_HOME:-$HOME/.cache}/event-ingestor/terraform-providers}
roots=(aws/bootstrap aws/cluster aws/app gcp/bootstrap gcp/cluster gcp/app azure/bootstrap azure/cluster azure/app)
module=modules/event-ingestor
chart=deploy/helm/event-ingestor
python=$venv/bin/python

say() { echo "infra: $*" >&2; }
die() {
  say "$*"
  exit 1
}

# --- tools

make_venv() {
  local requirements=infra/checks/requirements.txt want
  want=$(/usr/bin/python3 --version && sha256sum $requirements)
  [[ ! -f $venv/.stamp || $(<"$venv/.stamp") != "$want" ]] || return 0
  say "making $venv from $requirements"
  /usr/bin/python3 -m venv --clear "$venv"
  "$python" -m pip install --quiet --disable-pip-version-check --requirement $requirements ||
    die "pip could not install $requirements; its messages are above"
  echo "$want" >"$venv/.stamp"
}

# Prints the folder of a Go that is new enough. Debian 12 has 1.19, which can fetch a newer one as the module
# golang.org/toolchain, verified by the checksum database like every other module.
go_root() {
  command -v go >/dev/null || die "Go is missing; run tools/setup.sh lint"
  if is_at_least "$(go env GOVERSION)" "go$go_version"; then
    go env GOROOT
    return
  fi
  local root=$tools/go-$go_version dir
  if [[ ! -x $root/bin/go ]]; then
    say "fetching Go $go_version"
    dir=$(module_dir golang.org/toolchain "v0.0.1-go$go_version.$(go env GOOS)-$(go env GOARCH)")
    rm -rf "$root.part"
    mkdir -p "$tools"
    cp -r "$dir" "$root.part"
    chmod -R u+w "$root.part"
    find "$root.part/bin" "$root.part/pkg/tool" -type f -exec chmod +x {} +
    mv "$root.part" "$root"
  fi
  echo "$root"
}

is_at_least() { [[ $(printf '%s\n%s\n' "$2" "$1" | sort -V | head -1) == "$2" ]]; }

# Runs in a folder without a go.mod, so that no project's settings interfere.
module_dir() {
  (cd / && GOFLAGS='' GO111MODULE=on go mod download -json "$1@$2") | sed -n 's/^\t"Dir": "\(.*\)",\?$/\1/p' | grep . ||
    die "the Go proxy doesn't have $1 $2"
}

# build_tool NAME MODULE VERSION PACKAGE: compiles a tool inside its module, with the versions and
# replacements that the module declares; `go install` rejects modules with replacements. Prints the tool's
# path.
build_tool() {
  local name=$1 module=$2 version=$3 package=$4 root dir
  local binary=$tools/$name-$version
  if [[ ! -x $binary ]]; then
    say "compiling $name $version; this takes some minutes, once"
    mkdir -p "$tools"
    root=$(go_root)
    dir=$(PATH=$root/bin:$PATH GOROOT=$root module_dir "$module" "$version")
    (cd "$dir" && PATH=$root/bin:$PATH GOROOT=$root GOTOOLCHAIN=local GOFLAGS=-mod=readonly CGO_ENABLED=0 \
      go build -trimpath -ldflags '-s -w' -o "$binary.part" "$package") >&2 || die "$name could not be compiled"
    mv "$binary.part" "$binary"
  fi
  echo "$binary"
}

# Terraform or OpenTofu if 1.11 or later is installed; else OpenTofu, compiled from its module. (Terraform
# can't be compiled: it replaces modules by folders that its module doesn't contain.)
find_terraform() {
  local found version
  found=${TERRAFORM:-$(command -v terraform || command -v tofu || true)}
  if [[ -n $found ]]; then
    version=$("$found" version 2>/dev/null | sed -nE 's/^(Terraform|OpenTofu) v([0-9.]+).*/\2/p')
    if [[ -n $version ]] && is_at_least "$version" 1.11; then
      echo "$found"
      return
    fi
    say "$found is ${version:-of unknown version}; 1.11 or later is needed"
  fi
  build_tool tofu github.com/opentofu/opentofu $tofu_version ./cmd/tofu
}

# Installed together with the chart's checks.
find_helm() {
  local found
  found=${HELM:-$(command -v helm || compgen -G "$tools/helm-v*" | sort -V | tail -1 || true)}
  [[ -n $found ]] || die "helm is missing; run tools/setup.sh lint"
  echo "$found"
}

# --- sources and providers

# Terraform writes files next to its sources, so it works on a copy.
copy_sources() {
  rm -rf "$source_dir"
  mkdir -p "$source_dir/deploy"
  cp -r infra "$source_dir/"
  [[ ! -d deploy/helm ]] || cp -r deploy/helm "$source_dir/deploy/"
}

# Providers in the mirror come from there, others as the installation is configured.
set_provider_sources() {
  export TF_IN_AUTOMATION=1 TF_INPUT=0 TF_REGISTRY_CLIENT_TIMEOUT=10 TF_REGISTRY_DISCOVERY_RETRY=0 CHECKPOINT_DISABLE=1
  unset TF_DATA_DIR TF_WORKSPACE
  if [[ -d $mirror/registry.terraform.io ]]; then
    link_mirror
    cat >"$work/cli.tfrc" <<EOF
provider_installation {
  filesystem_mirror {
    path    = "$work/mirror"
    include = [$(mirrored)]
  }
  direct {
    exclude = [$(mirrored)]
  }
}
EOF
    export TF_CLI_CONFIG_FILE=$work/cli.tfrc
    return
  fi
  # Without a mirror each provider is downloaded once, not once for each root.
  export TF_PLUGIN_CACHE_DIR=$PWD/build/infra/plugins TF_PLUGIN_CACHE_MAY_BREAK_DEPENDENCY_LOCK_FILE=true
  mkdir -p "$TF_PLUGIN_CACHE_DIR"
  if [[ -n ${TF_CLI_CONFIG_FILE:-} && ! -f $TF_CLI_CONFIG_FILE ]]; then
    unset TF_CLI_CONFIG_FILE
  fi
}

# OpenTofu searches below its own registry's name, and neither program follows symbolic links except for the
# last path component.
link_mirror() {
  local package host
  rm -rf "$work/mirror"
  for package in "$mirror"/registry.terraform.io/*/*/*/*; do
    for host in registry.terraform.io registry.opentofu.org; do
      mkdir -p "$work/mirror/$host/$(dirname "${package#"$mirror/registry.terraform.io/"}")"
      ln -sfnT "$package" "$work/mirror/$host/${package#"$mirror/registry.terraform.io/"}"
    done
  done
}

mirrored() {
  local folder name names=()
  for folder in "$mirror"/registry.terraform.io/*/*/; do
    name=${folder#"$mirror/registry.terraform.io/"}
    names+=("\"${name%/}\"")
  done
  local IFS=,
  echo "${names[*]}"
}

# Prints the providers that a root pins: name=version.
providers_of() {
  sed -n '/^  required_providers {/,/^  }/p' "$source_dir/infra/$1"/*.tf |
    awk '/^    [a-z]+ += \{/ { name = $1 } /^      version +=/ { gsub(/"/, "", $3); print name "=" $3 }' | sort -u
}

# Requests each provider separately, so that a root without an available provider can be distinguished from an
# invalid root.
declare -A provider_missing=()
find_providers() {
  local root provider wanted
  mapfile -t wanted < <(for root in "${roots[@]}"; do providers_of "$root"; done | sort -u)
  rm -rf "$work/probes"
  in_parallel probe "${wanted[@]}"
  for provider in "${wanted[@]}"; do
    provider_missing[$provider]=yes
    [[ ! -f $work/probes/$provider/found ]] || provider_missing[$provider]=""
  done
}

probe() {
  local name=${1%=*} folder=$work/probes/$1
  mkdir -p "$folder"
  printf 'terraform {\n  required_providers {\n    %s = {\n      source  = "hashicorp/%s"\n      version = "%s"\n    }\n  }\n}\n' \
    "$name" "$name" "${1#*=}" >"$folder/main.tf"
  if "$terraform" -chdir="$folder" init -no-color >"$folder/log" 2>&1; then
    touch "$folder/found"
  fi
}

# Prints the providers of a root that are not available.
missing_for() {
  local provider missing=()
  for provider in $(providers_of "$1"); do
    [[ -z ${provider_missing[$provider]} ]] || missing+=("${provider/=/ }")
  done
  local IFS=,
  echo "${missing[*]}"
}

init() {
  local log=$1/.init.log
  [[ -f $1/.terraform.lock.hcl ]] || "$terraform" -chdir="$1" init -backend=false -no-color >"$log" 2>&1 || {
    cat "$log"
    return 1
  }
}

# in_parallel FUNCTION ITEM...: runs as many at once as there are cores. Prints the outputs in the order of
# the items; returns non-zero if any failed. Don't use it in a condition: `set -e` would not be in effect in
# FUNCTION.
in_parallel() {
  local function=$1 item logs index=0 status=0
  shift
  logs=$(mktemp -d "$work/parallel.XXXXXX")
  for item in "$@"; do
    while (($(jobs -rp | wc -l) >= $(nproc))); do wait -n || true; done
    (
      set +e
      (
        set -e
        "$function" "$item"
      ) >"$logs/$index" 2>&1
      echo $? >"$logs/$index.status"
    ) &
    index=$((index + 1))
  done
  wait
  for ((index = 0; index < $#; index++)); do
    cat "$logs/$index"
    [[ $(<"$logs/$index.status") == 0 ]] || status=1
  done
  rm -rf "$logs"
  return $status
}

# --- checks: each prints its findings and returns non-zero if something is wrong

check_format() { "$terraform" fmt -check -diff -recursive infra; }

check_rules() { "$python" infra/checks/rules.py --self-test && "$python" infra/checks/rules.py infra; }

check_validate() { in_parallel validate "${roots[@]}"; }

validate() {
  local missing folder=$source_dir/infra/$1
  missing=$(missing_for "$1")
  if [[ -n $missing ]]; then
    not_done "infra/$1 was NOT VALIDATED: no provider $missing"
    return
  fi
  init "$folder" || {
    echo "infra/$1 is NOT valid: it can't be initialised"
    return 1
  }
  "$terraform" -chdir="$folder" validate -no-color >"$folder/.validate.log" 2>&1 || {
    cat "$folder/.validate.log"
    echo "infra/$1 is NOT valid"
    return 1
  }
  echo "infra/$1 is valid"
}

check_tests() {
  local folder folders=()
  for folder in aws/cluster azure/cluster gcp/cluster aws/app gcp/app azure/app $module values; do # the longest first
    folders+=("$folder")
  done
  all_tests_run "${folders[@]}"
  in_parallel test_folder "${folders[@]}"
}

# A folder with tests that is not in the list would never be tested.
all_tests_run() {
  local there
  there=$(cd infra && find . -name tests -type d -not -path '*/.terraform/*' | sed 's|^\./||; s|/tests$||' | sort)
  diff <(echo "$there") <(printf '%s\n' "$@" | grep -v '^values$' | sort) || {
    echo "the folders with tests differ from the folders that are tested"
    return 1
  }
}

test_folder() {
  local missing folder=$source_dir/infra/$1
  if [[ $1 == values ]]; then # the module's logic, which needs no provider
    copy_values_alone values_tested
    cp -r "infra/$module/values_tests" "$work/values_tested/tests"
    run_tests "$work/values_tested"
    return
  fi
  # The module declares version ranges; aws/app pins the same providers.
  missing=$(missing_for "${1/#$module/aws/app}")
  if [[ -n $missing ]]; then
    not_done "tests of infra/$1 DID NOT RUN: no provider $missing"
    return
  fi
  # Mocks of providers don't support ephemeral resources yet: a root that gets its token from one is tested
  # without it.
  [[ ! -f infra/$1/tests/providers.tf.mock ]] || cp "infra/$1/tests/providers.tf.mock" "$folder/providers.tf"
  [[ ! -f infra/$1/small.tfvars ]] || tests_of_examples "$1"
  [[ $1 != */app ]] || tests_of_shared_files "$1"
  run_tests "$folder"
}

# A root must accept the settings files next to it: one test each, with the mocks of the root's own tests.
tests_of_examples() {
  local size mocks
  mocks=$(compgen -G "infra/$1/tests/*.tftest.hcl" | head -1)
  {
    sed '/^variables {/,$d' "$mocks"
    for size in small production; do
      printf 'run "%s" {\n  command = plan\n  variables {\n' $size
      cat "infra/$1/$size.tfvars"
      printf '  }\n}\n'
    done
  } >"$source_dir/infra/$1/tests/examples.tftest.hcl"
}

# The tests of the app roots' shared files run in each of them, with the mocks and variables of its own tests.
# (Terraform can read mocks from a common file, OpenTofu can't.)
tests_of_shared_files() {
  {
    sed '/^run /,$d' "infra/$1/tests/app.tftest.hcl"
    cat infra/shared/app/shared.tftest.hcl
  } >"$source_dir/infra/$1/tests/shared.tftest.hcl"
}

copy_values_alone() {
  local folder=$work/$1
  rm -rf "$folder"
  mkdir -p "$folder"
  cp infra/$module/{passed_variables,variables,kafka,values}.tf "$folder/"
  printf 'output "values" {\n  value = yamlencode(local.values)\n}\n' >"$folder/outputs.tf"
}

# A suite that ran no test has failed.
run_tests() {
  local output
  init "$1" || return 1
  output=$("$terraform" -chdir="$1" test -no-color 2>&1) || {
    echo "$output"
    return 1
  }
  grep -E '^Success! [1-9][0-9]* passed, 0 failed' <<<"$output" | sed "s|^|${1#"$work/"}: |" || {
    echo "$output"
    echo "$1: no test ran"
    return 1
  }
}

# Checks that module inputs and chart values match: computes the module's values for each example, which the
# chart must accept.
check_values() {
  local rendered=$work/rendered example name helm
  rm -rf "$rendered"
  mkdir -p "$rendered"
  copy_values_alone values
  "$terraform" -chdir="$work/values" init -no-color >/dev/null
  for example in "infra/$module"/examples/*.tfvars; do
    name=$(basename "$example" .tfvars)
    "$terraform" -chdir="$work/values" apply -auto-approve -no-color -state="$rendered/$name.tfstate" \
      -var-file="$PWD/$example" >"$rendered/$name.log" 2>&1 || {
      cat "$rendered/$name.log"
      return 1
    }
    "$terraform" -chdir="$work/values" output -state="$rendered/$name.tfstate" -raw values >"$rendered/$name.yaml"
  done
  "$python" infra/checks/values.py --self-test
  if [[ ! -f $chart/Chart.yaml ]]; then
    not_done "the module's values were NOT CHECKED AGAINST THE CHART: there is none in $chart"
    return 0
  fi
  "$python" infra/checks/values.py $chart "$rendered"/*.yaml
  helm=$(find_helm)
  for example in "$rendered"/*.yaml; do
    "$helm" template event-ingestor $chart --namespace event-ingestor --values "$example" >"$example.manifest" || {
      echo "the chart rejects the module's values for infra/$module/examples/$(basename "$example" .yaml).tfvars"
      return 1
    }
  done
  "$python" tools/balancers.py "$rendered"/*.manifest
}

check_tflint() {
  tflint=$(build_tool tflint github.com/terraform-linters/tflint $tflint_version .)
  # Not --recursive: infra/shared has parts of roots, which are linted in each root that links them.
  in_parallel lint_folder "${roots[@]}" $module
}

lint_folder() { "$tflint" --chdir="infra/$1" --config="$PWD/infra/.tflint.hcl" --no-color; }

check_checkov() {
  local report=$work/checkov.json
  "$python" infra/checks/findings.py --self-test
  # Run in infra, as checkov would also read the project's own .checkov.yaml. Its exit status says whether
  # there are findings; the report lists them. It has no check for the content of two app roots.
  (cd infra && "$venv/bin/checkov" --config-file .checkov.yaml --directory . --output json) >"$report" || true
  "$python" infra/checks/findings.py "$report" {aws,gcp,azure}/{bootstrap,cluster} aws/app
}

# Steps that could not be done are named where they occur and again at the end.
not_done() {
  echo "$1"
  echo "$1" >>"$work/not_done"
}

# `set -e` has no effect in a function called in a condition, but it has in a subshell whose status is checked
# afterwards.
run_one() {
  set +e
  (
    set -e
    "check_$1"
  )
  status=$?
  set -e
}

run_checks() {
  local check status failed=0 summary="" began missed before verdict
  : >"$work/not_done"
  for check in "$@"; do
    began=$SECONDS
    before=$(wc -l <"$work/not_done")
    echo "-- infra: $check"
    run_one "$check"
    verdict=pass
    if ((status != 0)); then
      verdict=FAIL
      failed=$((failed + 1))
    elif (($(wc -l <"$work/not_done") > before)); then
      verdict=PART # never "pass" if something was not checked
    fi
    summary+=$(printf '  %s  %-10s %3d s' $verdict "$check" "$((SECONDS - began))")$'\n'
  done
  missed=$(wc -l <"$work/not_done")
  printf '\n%s%d checks of infra/, %d failed, %d things not done\n' "$summary" $# $failed "$missed"
  sed 's/^/  !! /' "$work/not_done"
  ((failed == 0)) && { ((missed == 0)) || [[ ${INFRA_STRICT:-} != 1 ]]; }
}

# --- the other commands

plan() {
  local root missing
  case ${1:-} in
    aws) ;;
    gcp | azure) die "there is no stand-in for $1 on this machine; tools/infra.sh check validates and tests its roots" ;;
    *) usage >&2 && exit 2 ;;
  esac
  for root in aws/bootstrap aws/cluster; do
    missing=$(missing_for $root)
    [[ -z $missing ]] || die "infra/$root: no provider $missing"
  done
  "$python" infra/checks/plan_aws.py --terraform "$terraform" --infra "$source_dir/infra"
}

apply() {
  local missing
  missing=$(missing_for aws/app)
  [[ -z $missing ]] || die "the module can't be applied: no provider $missing"
  export TERRAFORM=$terraform INFRA_SOURCES=$source_dir INFRA_PYTHON=$python TESTS=tests/infra
  exec tools/k8s/test.sh "$@"
}

lock() {
  local root
  for root in "${roots[@]}"; do
    "$terraform" -chdir="infra/$root" providers lock -platform=linux_amd64 -platform=linux_arm64 -platform=darwin_arm64 ||
      die "infra/$root: the registry must be reachable; a lock file made from other builds would not match the published ones"
  done
}

main() {
  local verb=${1:-} check
  case $verb in
    check | plan | apply | lock) shift ;;
    *) usage >&2 && exit 2 ;;
  esac
  mkdir -p "$work"
  terraform=$(find_terraform)
  if [[ $verb == lock ]]; then
    lock
    return
  fi
  make_venv
  copy_sources
  set_provider_sources
  find_providers
  if [[ $verb != check ]]; then
    "$verb" "$@"
    return
  fi
  (($# > 0)) || set -- "${checks[@]}"
  for check in "$@"; do
    declare -F "check_$check" >/dev/null || die "no check is named $check"
  done
  run_checks "$@"
}

main "$@"

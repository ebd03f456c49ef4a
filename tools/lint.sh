#!/usr/bin/env bash
# tools/lint.sh [GROUP | CHECK]...: runs all checks of the named groups (default: all groups), then prints
# which passed and which failed; non-zero if any failed. Each Python check first runs a self-test with planted
# faults.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=tools/sources.sh
source tools/sources.sh

# Groups by what they need: only the sources; the release binary; the debug preset's compile commands, for the
# checks of CI and those of the night. The slowest checks come first, so that the others run in parallel with
# them.
source_checks=(infra headers format layers bans bounds links names shell python workflows packages observability dockerfiles)
built_checks=(generated_docs sbom chart)
clang_checks=(clang_tidy)
nightly_checks=(clang_tidy_slow)

binary=build/release/event-ingestor
tools=build/venv/bin

check_format() {
  local output files
  output=$(cpp_files | xargs -0 -r clang-format-19 --dry-run -Werror 2>&1) || {
    files=$(grep -oE '^[^:]+:[0-9]+:' <<<"$output" | sort -u -t: -k1,1) || files=$output
    printf '%s\nmake fmt rewrites these (the first line of each file is named)\n' "$files"
    return 1
  }
}

check_layers() { tools/check_layers.py --self-test && tools/check_layers.py; }
check_bans() { tools/check_bans.py --self-test && tools/check_bans.py; }
check_names() { tools/check_names.py --self-test && tools/check_names.py; }
check_links() { tools/check_links.py --self-test && tools/check_links.py; }
check_bounds() { "$tools/python" tools/bounds.py --self-test && "$tools/python" tools/bounds.py; }
check_headers() { tools/check_headers.py --self-test && tools/check_headers.py; }
check_infra() { tools/infra.sh check; }

# Needs PyYAML, so it runs with the project's Python.
check_observability() {
  "$tools/python" tools/check_observability.py --self-test && "$tools/python" tools/check_observability.py &&
    promtool check rules --lint=all --lint-fatal deploy/helm/event-ingestor/files/alerts.yaml &&
    promtool check config --syntax-only deploy/prometheus/prometheus.yml &&
    promtool test rules deploy/prometheus/alerts_test.yaml
}

check_dockerfiles() { dockerfiles | xargs -0 -r "$tools/hadolint"; }

check_sbom() {
  tools/image/self_test.py && tools/image/sbom.py build/release --output build/sbom.cdx.json
}

# scan FRAMEWORK ARGUMENT...: prints checkov's findings, which must be none. Checkov prints nothing and
# succeeds if it can't parse a file, so at least one check must have passed.
scan() {
  local said
  said=$(build/checkov/bin/checkov --config-file .checkov.yaml --framework "$@") || {
    echo "$said"
    return 1
  }
  grep -E '^Passed checks: [1-9]' <<<"$said" || {
    echo "checkov found nothing to check: $*"
    return 1
  }
}

# Renders the chart with every values file; then checkov checks the manifests, the Dockerfiles and the
# workflows.
check_chart() {
  local helms=(build/tools/helm-*) rendered=build/chart dockerfiles=() file scans=() one status=0
  rm -rf "$rendered"
  "$tools/python" tools/chart_readme.py --check && tools/chart_schema.py --check &&
    "$tools/python" tools/check_chart.py --helm "${helms[-1]}" --rendered "$rendered" --binary "$binary" || return
  while IFS= read -r -d '' file; do dockerfiles+=(--file "$file"); done < <(dockerfiles)
  # In parallel: each run spends most of its time on starting.
  scan kubernetes --directory "$rendered" &
  scans+=($!)
  scan dockerfile "${dockerfiles[@]}" &
  scans+=($!)
  scan github_actions --directory .github &
  scans+=($!)
  for one in "${scans[@]}"; do wait "$one" || status=1; done
  return $status
}

check_shell() {
  shell_files | xargs -0 -r shellcheck --external-sources && shell_files | xargs -0 -r shfmt -d "${shfmt_style[@]}"
}

check_python() {
  python_files | xargs -0 -r "$tools/ruff" check --quiet "${ruff_check[@]}" &&
    python_files | xargs -0 -r "$tools/ruff" format --diff --quiet "${ruff_format[@]}"
}

check_workflows() {
  local rules='{extends: default, rules: {document-start: disable, truthy: {check-keys: false},
    comments: {min-spaces-from-content: 1}, line-length: {max: 110}, braces: {max-spaces-inside: 1}}}'
  local linters=(build/tools/actionlint-*)
  # The pinned actionlint doesn't know this permission; runners that it doesn't know are in
  # .github/actionlint.yaml.
  yaml_files | xargs -0 -r "$tools/yamllint" --strict -d "$rules" &&
    "${linters[-1]}" -ignore 'unknown permission scope "attestations"' .github/workflows/*.yml
}

# Checks that every package that setup.sh may install, and every pinned Python package, is explained.
check_packages() {
  local requirements=(tests/requirements.txt tools/checkov.txt infra/checks/requirements.txt)
  local name status=0
  while read -r name; do
    grep -qF "\`$name\`" docs/DEPENDENCIES.md || {
      echo "docs/DEPENDENCIES.md: \`$name\` is installed but not explained"
      status=1
    }
  done < <(tools/setup.sh --list && sed -n 's/^\([A-Za-z0-9_.-]*\).*==.*/\1/p' "${requirements[@]}")
  if grep -HvE '^(#.*|[A-Za-z0-9_.-]+(\[[a-z]+\])?==[0-9][0-9A-Za-z.]*|)$' "${requirements[@]}"; then
    echo "pin the lines above, as in name==1.2.3"
    status=1
  fi
  tools/check_setup.sh || status=1
  return $status
}

check_generated_docs() {
  local status=0
  "$binary" config docs | diff -u docs/CONFIGURATION.md - || status=1
  "$binary" metrics docs | diff -u docs/METRICS.md - || status=1
  ((status == 0)) || echo "make generate rewrites them"
  return $status
}

tidy() {
  cmake --preset debug --log-level=WARNING >/dev/null && tools/clang_tidy.py --self-test && tools/clang_tidy.py "$1"
}
check_clang_tidy() { tidy quick; }
check_clang_tidy_slow() { tidy slow; }

# A check that is in no group would never run.
all_are_named() {
  local written named
  written=$(declare -F | sed -n 's/^declare -f check_//p' | sort)
  named=$(printf '%s\n' "${source_checks[@]}" "${built_checks[@]}" "${clang_checks[@]}" "${nightly_checks[@]}" | sort)
  [[ $written == "$named" ]] || {
    echo "lint: the groups and the check_ functions differ:"
    diff <(echo "$named") <(echo "$written")
    return 1
  }
}

# Prints the output of a check in one piece, when it has ended.
run_one() {
  local began=$SECONDS
  local status=0
  # A separate process: `set -e` is in effect there, and checks can't interfere with each other.
  tools/lint.sh --one "$1" >"$2/$1" 2>&1 || status=$?
  echo $status >"$2/$1.status"
  {
    flock 9
    printf -- '-- %s, %d s\n' "$1" "$((SECONDS - began))"
    cat "$2/$1"
  } 9>"$2/lock"
}

main() {
  all_are_named
  local checks=() word
  for word in "${@:-all}"; do
    case $word in
      all) checks+=("${source_checks[@]}" "${built_checks[@]}" "${clang_checks[@]}" "${nightly_checks[@]}") ;;
      source) checks+=("${source_checks[@]}") ;;
      built) checks+=("${built_checks[@]}") ;;
      clang) checks+=("${clang_checks[@]}") ;;
      nightly) checks+=("${nightly_checks[@]}") ;;
      *)
        declare -F "check_$word" >/dev/null || {
          echo "lint: no group or check is named $word" >&2
          exit 2
        }
        checks+=("$word")
        ;;
    esac
  done

  local check failed=0 summary="" logs
  logs=$(mktemp -d)
  # shellcheck disable=SC2064  # expanded now: the current folder
  trap "rm -rf '$logs'" EXIT
  for check in "${checks[@]}"; do
    while (($(jobs -rp | wc -l) >= $(nproc))); do wait -n || true; done
    run_one "$check" "$logs" &
  done
  wait
  for check in "${checks[@]}"; do
    if [[ $(<"$logs/$check.status") == 0 ]]; then
      summary+="  pass  $check"$'\n'
    else
      summary+="  FAIL  $check"$'\n'
      failed=$((failed + 1))
    fi
  done
  printf '\n%s%d checks, %d failed\n' "$summary" "${#checks[@]}" "$failed"
  ((failed == 0))
}

if [[ ${1:-} == --one ]]; then
  "check_$2"
else
  main "$@"
fi

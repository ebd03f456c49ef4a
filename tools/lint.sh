#!/usr/bin/env bash
# tools/lint.sh [GROUP | CHECK]...: runs all checks of the named groups (default: all groups), then says which
# passed and which failed; non-zero when any failed. A Python check first shows on planted faults that it can fail.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=tools/sources.sh
source tools/sources.sh

# By what they need: only the sources; the release binary; the debug preset's compile commands.
# Those that take longest stand first, so that the others run beside them.
source_checks=(infra headers format layers bans bounds links shell python workflows packages observability dockerfiles)
built_checks=(generated_docs sbom chart)
clang_checks=(clang_tidy)

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
check_links() { tools/check_links.py --self-test && tools/check_links.py; }
check_bounds() { "$tools/python" tools/bounds.py --self-test && "$tools/python" tools/bounds.py; }
check_headers() { tools/check_headers.py --self-test && tools/check_headers.py; }
check_infra() { tools/infra.sh check; }

# The check needs PyYAML, so the project's Python.
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

# scan FRAMEWORK ARGUMENT...: checkov's findings, of which there must be none. It says nothing at all, and ends well, when it
# doesn't understand a file; so something has to have passed.
scan() {
  local said
  said=$(build/checkov/bin/checkov --config-file .checkov.yaml --framework "$@") || {
    echo "$said"
    return 1
  }
  grep -E '^Passed checks: [1-9]' <<<"$said" || {
    echo "checkov found nothing to look at: $*"
    return 1
  }
}

# Rendered with every values file; then checkov looks at what came out, at the Dockerfiles and at the workflows.
check_chart() {
  local helms=(build/tools/helm-*) rendered=build/chart dockerfiles=() file scans=() one status=0
  rm -rf "$rendered"
  "$tools/python" tools/chart_readme.py --check && tools/chart_schema.py --check &&
    "$tools/python" tools/check_chart.py --helm "${helms[-1]}" --rendered "$rendered" --binary "$binary" || return
  while IFS= read -r -d '' file; do dockerfiles+=(--file "$file"); done < <(dockerfiles)
  # At once: each spends most of its time on starting.
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
  # The pinned actionlint is older than this right; runners that it doesn't know are in .github/actionlint.yaml.
  yaml_files | xargs -0 -r "$tools/yamllint" --strict -d "$rules" &&
    "${linters[-1]}" -ignore 'unknown permission scope "attestations"' .github/workflows/*.yml
}

# Every package that set-up may install, and every pinned Python package, is explained.
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
  ((status == 0)) || echo "write them anew: for d in config:CONFIGURATION metrics:METRICS;" \
    "do $binary \${d%:*} docs > docs/\${d#*:}.md; done"
  return $status
}

check_clang_tidy() {
  cmake --preset debug --log-level=WARNING >/dev/null && tools/clang_tidy.py --self-test && tools/clang_tidy.py
}

# Checks written but never named in a group would be skipped in silence.
all_are_named() {
  local written named
  written=$(declare -F | sed -n 's/^declare -f check_//p' | sort)
  named=$(printf '%s\n' "${source_checks[@]}" "${built_checks[@]}" "${clang_checks[@]}" | sort)
  [[ $written == "$named" ]] || {
    echo "lint: the groups and the check_ functions differ:"
    diff <(echo "$named") <(echo "$written")
    return 1
  }
}

# What a check says comes in one piece, when it is through.
run_one() {
  local began=$SECONDS
  local status=0
  # A process of its own: `set -e` holds inside it, and one check can't disturb the next.
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
      all) checks+=("${source_checks[@]}" "${built_checks[@]}" "${clang_checks[@]}") ;;
      source) checks+=("${source_checks[@]}") ;;
      built) checks+=("${built_checks[@]}") ;;
      clang) checks+=("${clang_checks[@]}") ;;
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
  # shellcheck disable=SC2064  # the folder of now
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

# shellcheck shell=bash disable=SC2034
# Sourced: which files are the project's sources, by kind, each name ended by a NUL.

cpp_files() { project_files -name '*.cc' -o -name '*.h'; }
shell_files() { project_files -name '*.sh' -o -path './.ci/run' -o -path './tools/image/stand_ins/kafka/run'; }
python_files() { project_files -name '*.py'; }
# Templates of a chart are not valid YAML until they are rendered.
yaml_files() { project_files \( -name '*.yml' -o -name '*.yaml' \) -not -path '*/helm/*/templates/*'; }
dockerfiles() { project_files -name Dockerfile; }

project_files() {
  find . \( -path ./build -o -path ./var -o -path ./.git -o -name '.*_cache' \) -prune \
    -o -type f \( "$@" \) -print0 | sort -z
}

shfmt_style=(-i 2 -ci)
ruff_format=(--isolated --line-length 110)
# pycodestyle, pyflakes, bugbear, import order; line lengths are left to the formatter
ruff_check=(--isolated --line-length 110 --select 'E,W,F,B,I' --ignore E501)

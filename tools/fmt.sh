#!/usr/bin/env bash
# Rewrites C++, shell and Python sources in the project's format.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=tools/sources.sh
source tools/sources.sh

cpp_files | xargs -0 -r clang-format-19 -i
shell_files | xargs -0 -r shfmt -w "${shfmt_style[@]}"
python_files | xargs -0 -r build/venv/bin/ruff format "${ruff_format[@]}"
python_files | xargs -0 -r build/venv/bin/ruff check --fix "${ruff_check[@]}"

#!/usr/bin/env bash
# Formats C++, shell and Python sources.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=tools/sources.sh
source tools/sources.sh

cpp_files | xargs -0 -r clang-format-19 -i
shell_files | xargs -0 -r shfmt -w "${shfmt_style[@]}"
python_files | xargs -0 -r build/venv/bin/ruff format "${ruff_format[@]}"
python_files | xargs -0 -r build/venv/bin/ruff check --fix "${ruff_check[@]}"

#!/usr/bin/env bash
# tools/docs_test.sh [FILE...]: runs the commands of these Markdown files, or of all, after the self-test.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

build/venv/bin/python tools/docs_self_test.py
exec build/venv/bin/python tools/docs_test.py "$@"

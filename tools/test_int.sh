#!/usr/bin/env bash
# tools/test_int.sh [pytest argument...]: the black-box tests, against the binary named by EVENT_INGESTOR.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=tools/sanitizers.sh
source tools/sanitizers.sh

export EVENT_INGESTOR=${EVENT_INGESTOR:-build/release/event-ingestor}
EVENT_INGESTOR=$(realpath -e "$EVENT_INGESTOR") || exit
echo "Testing $EVENT_INGESTOR"
[[ $EVENT_INGESTOR != */release/* ]] || sanitized=()
exec "${sanitized[@]}" build/venv/bin/python -m pytest tests/e2e "$@"

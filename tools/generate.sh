#!/usr/bin/env bash
# Writes all files that are generated from the service's tables, from docs/bounds.yaml and from the chart's values.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Not directly into the document: a failed command must not leave an empty one.
for document in config:CONFIGURATION metrics:METRICS; do
  build/release/event-ingestor "${document%:*}" docs >build/generated.md
  cp build/generated.md "docs/${document#*:}.md"
done
tools/chart_schema.py
build/venv/bin/python tools/chart_readme.py
build/venv/bin/python tools/bounds.py --write

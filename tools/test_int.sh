#!/usr/bin/env bash
# tools/test_int.sh [pytest argument...]: runs the black-box tests against the binary named by EVENT_INGESTOR.
# They mostly wait, so there is one worker more than there are cores; none if tests are selected by name, as
# they are few; -n N sets another number. Without arguments the tests marked `versions`, which may depend on
# Kafka's version, then run with other brokers too; --kafka-version 3.9.1 runs the selected tests with that
# one.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=tools/sanitizers.sh
source tools/sanitizers.sh

export EVENT_INGESTOR=${EVENT_INGESTOR:-build/release/event-ingestor}
EVENT_INGESTOR=$(realpath -e "$EVENT_INGESTOR") || exit
echo "Testing $EVENT_INGESTOR"

# The last version before 4.0 and the newest; the usual one is in tools/kafka/pom.xml.
other_kafkas=(3.9.1 4.4.0)

workers=$(($(nproc) + 1))
for argument in "$@"; do
  case $argument in
    -k* | --lf | --last-failed | --pdb | --collect-only) workers=0 ;;
  esac
done
# All tests of a file run in one worker, together with the brokers that it starts.
run=(build/venv/bin/python -m pytest --numprocesses "$workers" --maxprocesses 6 --dist loadfile
  --no-loadscope-reorder tests/e2e)
(($# == 0)) || exec "${run[@]}" "$@"
"${run[@]}"
for version in "${other_kafkas[@]}"; do
  echo "With Kafka $version"
  "${run[@]}" -m versions --kafka-version "$version"
done

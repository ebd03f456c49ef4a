#!/usr/bin/env bash
# tools/image/test.sh [pytest argument...]: builds the image and the load generator's, then tests them and the chain of
# docker-compose.yml. INGESTOR_IMAGE names another image, which is then not built.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=tools/image/docker.sh
source tools/image/docker.sh

need_docker
if [[ -z ${INGESTOR_IMAGE:-} ]]; then
  export INGESTOR_IMAGE=event-ingestor:latest
  tools/image/build.sh "$INGESTOR_IMAGE"
fi
TARGET=load tools/image/build.sh event-ingestor-load:latest
exec build/venv/bin/python -m pytest tests/image "$@"

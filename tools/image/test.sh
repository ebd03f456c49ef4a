#!/usr/bin/env bash
# tools/image/test.sh [pytest argument...]: builds the service's and the load generator's image, then tests
# them and the services of docker-compose.yml. INGESTOR_IMAGE names an existing image to test instead of
# building one.
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

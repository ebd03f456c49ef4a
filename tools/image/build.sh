#!/usr/bin/env bash
# tools/image/build.sh [TAG]: builds the image (default event-ingestor:latest), or with TARGET=load that of
# the load generator, and writes the bill of materials to build/image/sbom.cdx.json. Base images: BUILD_BASE
# and RUNTIME_BASE if set, else the public ones of the Dockerfile, else local stand-ins if those are not
# available (IMAGES=stand-in: always stand-ins).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=tools/image/docker.sh
source tools/image/docker.sh

tag=${1:-event-ingestor:latest}
need_docker
choose_image BUILD_BASE "$(dockerfile_default BUILD_BASE)" build
choose_image RUNTIME_BASE "$(dockerfile_default RUNTIME_BASE)" runtime

# This machine's apt configuration for reaching Debian, including proxies.
settings=$(mktemp)
trap 'rm -f "$settings"' EXIT
apt-config dump 2>/dev/null | grep -E '^Acquire::(http|https|Check|Retries)' >"$settings" || true
arguments=(--secret "id=apt,src=$settings")
[[ -z ${BUILD_NETWORK:-} ]] || arguments+=(--network "$BUILD_NETWORK")
[[ -z ${TARGET:-} ]] || arguments+=(--target "$TARGET")

revision=$(git rev-parse HEAD 2>/dev/null || echo unknown)
[[ -z $(git status --porcelain 2>/dev/null) ]] || revision+=-changed
buildkit build "${arguments[@]}" --progress "${PROGRESS:-auto}" \
  --build-arg BUILD_BASE="$BUILD_BASE" --build-arg RUNTIME_BASE="$RUNTIME_BASE" \
  --build-arg VERSION="$(sed -n 's/^project(.* VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)" \
  --build-arg REVISION="$revision" --build-arg CREATED="$(date -u +%Y-%m-%dT%H:%M:%SZ)" \
  --build-arg SOURCE="${SOURCE_URL:-unknown}" --tag "$tag" .

if [[ -z ${TARGET:-} ]]; then
  mkdir -p build/image
  container=$(docker create "$tag")
  docker cp "$container:/usr/share/doc/event-ingestor/sbom.cdx.json" build/image/sbom.cdx.json >/dev/null
  docker rm --volumes "$container" >/dev/null
fi
echo "$tag: $(($(docker image inspect --format '{{.Size}}' "$tag") / 1000000)) MB"

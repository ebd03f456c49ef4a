#!/usr/bin/env bash
# tools/compose.sh up | down | logs [SERVICE]: the services of docker-compose.yml. `up` builds the image,
# starts all services and waits until they are healthy. PROFILE=load also starts the load generator; BUILD=no
# uses existing images. `down` stops everything; with VOLUMES=delete it also deletes the data. If a public
# image is not available, a local stand-in is used; Grafana has no stand-in and is then skipped with a
# message.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=tools/image/docker.sh
source tools/image/docker.sh

export COMPOSE_PROJECT_NAME=${COMPOSE_PROJECT_NAME:-event-ingestor}
healthy_within=180
# A container that has exited this often is not expected to become healthy.
restarts_max=3

up() {
  need_docker
  export INGESTOR_IMAGE=${INGESTOR_IMAGE:-event-ingestor:latest} LOAD_IMAGE=${LOAD_IMAGE:-event-ingestor-load:latest}
  [[ ${BUILD:-yes} == no ]] || tools/image/build.sh "$INGESTOR_IMAGE"
  choose_image KAFKA_IMAGE "$(compose_default KAFKA_IMAGE)" kafka
  choose_image PROMETHEUS_IMAGE "$(compose_default PROMETHEUS_IMAGE)" prometheus
  local services=(kafka ingestor prometheus) without_grafana=""
  if has_grafana; then
    services+=(grafana)
  else
    without_grafana=yes
  fi
  compose up --detach --no-build "${services[@]}"
  local service
  for service in "${services[@]}"; do wait_healthy "$service"; done
  if [[ ${PROFILE:-} == load ]]; then
    [[ ${BUILD:-yes} == no ]] || TARGET=load tools/image/build.sh "$LOAD_IMAGE"
    compose --profile load up --detach --no-build --no-deps load
  fi
  cat <<EOT

  events      curl -i http://127.0.0.1:$(port_of ingestor 8080)/events -H 'Content-Type: application/json' -d '{"type":"signup"}'
  Kafka       kcat -b localhost:$(port_of kafka 9092) -t events -C -e
  Prometheus  http://127.0.0.1:$(port_of prometheus 9090)/alerts
EOT
  if [[ -n $without_grafana ]]; then
    echo "  Grafana     not running: its image is not available, and there is no stand-in for it"
  else
    echo "  Grafana     http://127.0.0.1:$(port_of grafana 3000)"
  fi
  echo "  logs        tools/compose.sh logs; make down stops everything"
}

has_grafana() {
  local image=${GRAFANA_IMAGE:-$(compose_default GRAFANA_IMAGE)}
  docker image inspect "$image" >/dev/null 2>&1 || { [[ ${IMAGES:-} != stand-in ]] && docker pull --quiet "$image" >/dev/null 2>&1; }
}

port_of() { compose port "$1" "$2" | sed 's/.*://'; }

wait_healthy() {
  local container began=$SECONDS state="" restarts=0
  container=$(compose ps -q "$1")
  until [[ $state == healthy ]]; do
    read -r state restarts < <(docker inspect --format '{{.State.Health.Status}} {{.RestartCount}}' "$container")
    if ((SECONDS - began >= healthy_within || restarts >= restarts_max)); then
      compose logs --tail 30 "$1" >&2
      die "$1 is $state after $((SECONDS - began)) s and $restarts restarts; the end of its log is above"
    fi
    [[ $state == healthy ]] || sleep 0.5
  done
}

case ${1:-} in
  up) up ;;
  down)
    arguments=(--remove-orphans)
    if [[ ${VOLUMES:-} == delete ]]; then
      arguments+=(--volumes)
    else
      # Anonymous volumes would stay permanently, without a sign of their origin.
      compose --profile load rm --stop --force -v
    fi
    compose --profile load down "${arguments[@]}"
    ;;
  logs) shift && compose logs "$@" ;;
  *) sed -n '2,6s/^# //p' "$0" >&2 && exit 2 ;;
esac

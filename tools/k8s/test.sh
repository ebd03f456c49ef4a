#!/usr/bin/env bash
# tools/k8s/test.sh [pytest argument...]: tests the chart in a real cluster, under load, or with
# TESTS=tests/infra the Terraform module that installs the chart (tools/infra.sh apply).
#
# KUBECONFIG names the cluster. IMAGE is the service's image in a registry that it reaches, KAFKA_IMAGE a Kafka for the tests;
# NODE_ADDRESS is an address by which this machine reaches a NodePort (default: the first node's).
#
# Alternatively LOCAL_CLUSTER names a folder with up.sh, which starts a cluster on this machine and prints
# `export KUBECONFIG=...`. Then images are built here and loaded into its containerd (CONTAINERD, default
# /run/kube/containerd.sock).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=tools/image/docker.sh
source tools/image/docker.sh

# Loads the image into containerd under a name that is different for each image, so that an older one is never
# used by mistake.
put_into_cluster() {
  local image=$1 tagged
  tagged=$2:$(docker image inspect --format '{{.Id}}' "$image" | cut -c8-19)
  docker tag "$image" "$tagged"
  docker save "$tagged" | ctr --address "${CONTAINERD:-/run/kube/containerd.sock}" --namespace k8s.io \
    images import --snapshotter overlayfs - >/dev/null
  docker image rm "$tagged" >/dev/null # removes the tag only
  echo "$tagged"
}

main() {
  tools/setup.sh k8s
  command -v kubectl >/dev/null || die "kubectl is missing; install the one of your cluster's version"
  if [[ -n ${LOCAL_CLUSTER:-} ]]; then
    need_docker
    KUBECONFIG=$("$LOCAL_CLUSTER/up.sh" | tee -a /dev/stderr | sed -n 's/.*export KUBECONFIG=//p')
    export KUBECONFIG
    [[ -n ${IMAGE:-} ]] || { tools/image/build.sh event-ingestor:latest && IMAGE=event-ingestor:latest; }
    choose_image KAFKA_IMAGE "$(compose_default KAFKA_IMAGE)" kafka
    IMAGE=$(put_into_cluster "$IMAGE" event-ingestor-test)
    KAFKA_IMAGE=$(put_into_cluster "$KAFKA_IMAGE" kafka-test)
  fi
  [[ -n ${KUBECONFIG:-} ]] || die "no cluster: set KUBECONFIG, or LOCAL_CLUSTER; see the head of tools/k8s/test.sh"
  [[ -n ${IMAGE:-} ]] || die "IMAGE must name the service's image"
  local helms=(build/tools/helm-*)
  export IMAGE KUBECONFIG HELM=$PWD/${helms[-1]} KAFKA_IMAGE=${KAFKA_IMAGE:-$(compose_default KAFKA_IMAGE)}
  exec build/venv/bin/python -m pytest "${TESTS:-tests/k8s}" "$@"
}

main "$@"

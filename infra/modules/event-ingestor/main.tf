locals {
  namespace = var.create_namespace ? kubernetes_namespace_v1.this[0].metadata[0].name : var.namespace
}

resource "kubernetes_namespace_v1" "this" {
  count = var.create_namespace ? 1 : 0

  metadata {
    name = var.namespace

    labels = {
      "pod-security.kubernetes.io/enforce" = "restricted"
      "pod-security.kubernetes.io/warn"    = "restricted"
    }
  }
}

# Defines which secret of the cloud's store becomes the password file. Contains names, not secrets.
resource "kubernetes_manifest" "secret_provider" {
  count = local.store == null ? 0 : 1

  manifest = {
    apiVersion = local.store.api
    kind       = "SecretProviderClass"

    metadata = {
      name      = local.secret_provider_class
      namespace = local.namespace
    }

    spec = {
      provider   = local.store.provider
      parameters = local.store.parameters
    }
  }
}

resource "helm_release" "this" {
  name      = var.name
  namespace = local.namespace

  chart      = var.chart.repository == null ? coalesce(var.chart.path, "${path.module}/../../../deploy/helm/event-ingestor") : "event-ingestor"
  repository = var.chart.repository
  version    = var.chart.version

  # Helm merges later documents over earlier ones, key by key.
  values = [yamlencode(local.values), yamlencode(var.extra_values)]

  # A release whose replicas don't become ready is rolled back: readiness waits until the brokers have accepted the service's credentials.
  atomic  = true
  wait    = true
  timeout = var.timeout_seconds

  max_history = 10

  depends_on = [kubernetes_manifest.secret_provider]
}

data "kubernetes_service_v1" "this" {
  count = var.service.type == "LoadBalancer" ? 1 : 0

  metadata {
    name      = var.name
    namespace = local.namespace
  }

  depends_on = [helm_release.this]
}

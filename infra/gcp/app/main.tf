locals {
  secret = try(var.kafka_secret.secret_manager, null)

  # Secret Manager's provider expects a list of objects as a string of YAML.
  secret_objects = local.secret == null ? null : yamlencode([{
    resourceName = "projects/${var.project}/secrets/${local.secret.id}/versions/${local.secret.version}"
    path         = "password"
  }])

  # What release.tf needs from the cloud.
  cloud = {
    repository = "${var.region}-docker.pkg.dev/${var.project}/${var.name}/event-ingestor"

    disk = {
      driver     = "pd.csi.storage.gke.io"
      parameters = { type = "pd-ssd" }
      size_gib   = 20
    }

    kafka = var.kafka
    secret_store = local.secret == null ? null : {
      driver     = "secrets-store-gke.csi.k8s.io" # GKE's own build of the driver, with its own names
      provider   = "gke"
      parameters = { secrets = local.secret_objects }
    }

    # Workload Identity Federation uses namespace and service account.
    identity_annotations = {}
    identity_labels      = {}

    service = {
      type = var.load_balancer.reach == "none" ? "ClusterIP" : "LoadBalancer"
      annotations = merge(
        var.load_balancer.reach == "none" ? {} : { "networking.gke.io/load-balancer-type" = "Internal" },
        local.gke_ingress ? { "cloud.google.com/backend-config" = jsonencode({ default = var.service_account.name }) } : {},
        local.gke_ingress && var.tls != null ? { "cloud.google.com/app-protocols" = jsonencode({ http = "HTTPS" }) } : {}, # by the port's name
      )
    }
    ingress         = try(local.gke_ingresses[0], var.ingress)
    health_checkers = local.gke_ingress ? ["35.191.0.0/16", "130.211.0.0/22"] : [] # Google's, the same everywhere
  }
}

# GKE's own ingress: it is selected by an annotation, as it ignores Ingresses with a class. By default its health check requests
# "/", which the service doesn't serve.
locals {
  gke_ingresses = [
    for ingress in [var.ingress] : merge(ingress, {
      class_name  = null
      annotations = merge(ingress.annotations, { "kubernetes.io/ingress.class" = ingress.class_name })
    }) if startswith(try(coalesce(ingress.class_name), ""), "gce")
  ]
  gke_ingress = length(local.gke_ingresses) > 0

  # The balancer's wait starts at a request's first byte: it includes the time of the request and of the ack. With its default of 30 s
  # clients would get a 504 for events that are acknowledged a moment later. Uses the service's default time-outs unless settings
  # change them, plus 10 s for the transfer.
  longest_waits = { "http.request_timeout" = "30s", "ingest.ack_timeout" = "30s" }
  wait_seconds = ceil(10 + sum([
    for key, fallback in local.longest_waits : [
      for part in regexall("^([0-9.]+)(h|m|s|ms|us)$", lookup(var.settings, key, fallback)) :
      tonumber(part[0]) * { h = 3600, m = 60, s = 1, ms = 0.001, us = 0.000001 }[part[1]]
    ][0]
  ]))
}

resource "kubernetes_manifest" "backend" {
  count = local.gke_ingress ? 1 : 0

  manifest = {
    apiVersion = "cloud.google.com/v1"
    kind       = "BackendConfig"

    metadata = {
      name      = var.service_account.name
      namespace = module.event_ingestor.namespace
    }

    spec = {
      healthCheck        = { type = var.tls == null ? "HTTP" : "HTTPS", requestPath = "/readyz", port = 8081, checkIntervalSec = 5, timeoutSec = 3 }
      connectionDraining = { drainingTimeoutSec = 30 } # lets current requests finish
      timeoutSec         = local.wait_seconds
    }
  }
}

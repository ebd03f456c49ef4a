output "release" {
  description = "Name and namespace of the Helm release."
  value = {
    name      = helm_release.this.name
    namespace = helm_release.this.namespace
  }
}

output "namespace" {
  description = "The namespace, for objects that must exist before the release; unlike release, it doesn't wait for them."
  value       = local.namespace
}

output "service_name" {
  description = "Name of the Kubernetes Service."
  value       = var.name
}

output "internal_endpoint" {
  description = "Address for events from inside the cluster."
  value       = "${var.tls != null ? "https" : "http"}://${var.name}.${var.namespace}.svc:${local.port}/events"
}

output "endpoint" {
  description = "Address for events from outside: the ingress' host, or the load balancer's name or address; null if there is none."
  value = (
    var.ingress != null ? "${var.ingress.tls_secret == null ? "http" : "https"}://${var.ingress.host}/events" :
    one(data.kubernetes_service_v1.this) == null ? null :
    "${var.service.tls || var.tls != null ? "https" : "http"}://${local.balancer}:${local.port}/events"
  )
}

locals {
  balancer_ingress = try(data.kubernetes_service_v1.this[0].status[0].load_balancer[0].ingress[0], null)
  # AWS gives its balancers names, the others addresses; a new one has neither yet.
  balancer = try(coalesce(local.balancer_ingress.hostname, local.balancer_ingress.ip), "PENDING")
}

output "values" {
  description = "The chart's values as YAML; they contain no secrets."
  value       = yamlencode(local.values)
}

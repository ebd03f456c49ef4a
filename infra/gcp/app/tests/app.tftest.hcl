# Tests how this cloud's inputs become the module's inputs.

mock_provider "google" {
  mock_data "google_container_cluster" {
    defaults = { endpoint = "10.0.0.2", master_auth = [{ cluster_ca_certificate = "Y2E=", client_certificate = "", client_key = "", client_certificate_config = [] }] }
  }
}
mock_provider "helm" {}
mock_provider "kubernetes" {}

variables {
  name         = "ingestor-test"
  project      = "events-test-1"
  region       = "europe-west3"
  image        = { tag = "1.2.3" }
  kafka        = { profile = "confluent", brokers = ["pkc-1.example:9092"], username = "KEY" }
  kafka_secret = { secret_manager = { id = "kafka-password" } }
}

run "a_secret_of_secret_manager" {
  command = plan

  assert {
    condition     = yamldecode(local.secret_objects) == [{ resourceName = "projects/events-test-1/secrets/kafka-password/versions/latest", path = "password" }]
    error_message = "the secret becomes the file password"
  }
  assert {
    condition     = yamldecode(module.event_ingestor.values).kafkaSecret.driver == "secrets-store-gke.csi.k8s.io"
    error_message = "by GKE's driver"
  }
  assert {
    condition     = yamldecode(module.event_ingestor.values).image.repository == "europe-west3-docker.pkg.dev/events-test-1/ingestor-test/event-ingestor"
    error_message = "the image comes from the installation's registry"
  }
}

run "an_internal_balancer" {
  command = plan

  variables {
    load_balancer = { reach = "internal" }
  }

  assert {
    condition     = yamldecode(module.event_ingestor.values).service.annotations["networking.gke.io/load-balancer-type"] == "Internal"
    error_message = "inside the network"
  }
}

run "gkes_ingress_waits_for_acks" {
  command = plan

  variables {
    ingress  = { class_name = "gce", host = "events.example.com", tls_secret = "events-tls" }
    settings = { "ingest.ack_timeout" = "2m", "http.request_timeout" = "1500ms" }
  }

  assert {
    condition     = kubernetes_manifest.backend[0].manifest.spec.timeoutSec == 132
    error_message = "the request's time and the ack's, and 10 s"
  }
}

run "gkes_own_ingress" {
  command = plan

  variables {
    ingress = { class_name = "gce", host = "events.example.com", tls_secret = "events-tls" }
  }

  assert {
    condition     = !can(yamldecode(module.event_ingestor.values).ingress.className) && yamldecode(module.event_ingestor.values).ingress.annotations["kubernetes.io/ingress.class"] == "gce"
    error_message = "GKE selects its Ingresses by the annotation, and ignores those with a class"
  }
  assert {
    condition     = kubernetes_manifest.backend[0].manifest.spec.timeoutSec == 70
    error_message = "longer than the service may take"
  }
  assert {
    condition = (
      kubernetes_manifest.backend[0].manifest.spec.healthCheck.requestPath == "/readyz" &&
      kubernetes_manifest.backend[0].manifest.spec.healthCheck.port == 8081 &&
      jsondecode(yamldecode(module.event_ingestor.values).service.annotations["cloud.google.com/backend-config"]).default == kubernetes_manifest.backend[0].manifest.metadata.name
    )
    error_message = "the health check must request readiness, not /, which is 404"
  }
  assert {
    condition     = length(yamldecode(module.event_ingestor.values).networkPolicy.metricsFrom) == 3
    error_message = "the NetworkPolicy must admit Google's health checkers"
  }
}

run "gkes_ingress_before_pods_with_tls" {
  command = plan

  variables {
    ingress = { class_name = "gce", host = "events.example.com", tls_secret = "events-tls" }
    tls     = { secret_name = "pods-tls" }
  }

  assert {
    condition = (
      kubernetes_manifest.backend[0].manifest.spec.healthCheck.type == "HTTPS" &&
      jsondecode(yamldecode(module.event_ingestor.values).service.annotations["cloud.google.com/app-protocols"]).http == "HTTPS"
    )
    error_message = "the balancer must use TLS for requests and for its health check"
  }
}

run "another_ingress" {
  command = plan

  variables {
    ingress = { class_name = "nginx", host = "events.example.com" }
  }

  assert {
    condition     = yamldecode(module.event_ingestor.values).ingress.className == "nginx" && length(kubernetes_manifest.backend) == 0
    error_message = "nothing of GKE's"
  }
}

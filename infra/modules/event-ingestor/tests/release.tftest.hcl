# Tests the objects that are created in the cluster. values_tests tests how inputs become values.

mock_provider "helm" {}
mock_provider "kubernetes" {}

variables {
  image = { repository = "registry.example.com/event-ingestor", tag = "1.2.3" }
  kafka = { profile = "plain", brokers = ["kafka.kafka.svc:9092"] }
}

run "a_release_in_a_restricted_namespace" {
  assert {
    condition     = kubernetes_namespace_v1.this[0].metadata[0].labels["pod-security.kubernetes.io/enforce"] == "restricted"
    error_message = "Pod Security restricted"
  }
  assert {
    condition     = helm_release.this.namespace == "event-ingestor" && helm_release.this.atomic && helm_release.this.wait
    error_message = "the release must wait for readiness, and be rolled back without it"
  }
  assert {
    condition     = endswith(helm_release.this.chart, "deploy/helm/event-ingestor") && helm_release.this.repository == null
    error_message = "this repository's chart"
  }
  assert {
    condition     = output.endpoint == null && output.internal_endpoint == "http://event-ingestor.event-ingestor.svc:80/events"
    error_message = "no access from outside"
  }
  assert {
    condition     = length(kubernetes_manifest.secret_provider) == 0
    error_message = "no secret"
  }
}

run "someone_elses_namespace" {
  variables {
    namespace        = "events"
    create_namespace = false
  }

  assert {
    condition     = length(kubernetes_namespace_v1.this) == 0 && helm_release.this.namespace == "events"
    error_message = "the namespace is used, not created"
  }
}

run "a_published_chart" {
  variables {
    chart = { repository = "oci://registry.example.com/charts", version = "1.2.3" }
  }

  assert {
    condition     = helm_release.this.chart == "event-ingestor" && helm_release.this.repository == "oci://registry.example.com/charts" && helm_release.this.version == "1.2.3"
    error_message = "the chart of the repository"
  }
}

run "extra_values_come_last" {
  variables {
    extra_values = { priorityClassName = "events" }
  }

  assert {
    condition     = yamldecode(helm_release.this.values[1]) == { priorityClassName = "events" } && !can(yamldecode(helm_release.this.values[0]).priorityClassName)
    error_message = "extra values must be a separate document after the module's"
  }
}

run "a_load_balancer_that_ends_tls" {
  variables {
    service = { type = "LoadBalancer", port = 443, tls = true }
  }

  override_data {
    target = data.kubernetes_service_v1.this
    values = { status = [{ load_balancer = [{ ingress = [{ hostname = "lb.example.com", ip = "", ip_mode = "" }] }] }] }
  }

  assert {
    condition     = output.endpoint == "https://lb.example.com:443/events"
    error_message = "the balancer's name, by https"
  }
}

run "a_load_balancer_before_pods_with_tls" {
  variables {
    service = { type = "LoadBalancer" }
    tls     = { secret_name = "events-tls" }
  }

  override_data {
    target = data.kubernetes_service_v1.this
    values = { status = [{ load_balancer = [{ ingress = [{ hostname = "", ip = "10.0.0.7", ip_mode = "VIP" }] }] }] }
  }

  assert {
    condition     = output.endpoint == "https://10.0.0.7:443/events" && output.internal_endpoint == "https://event-ingestor.event-ingestor.svc:443/events"
    error_message = "https from outside and from inside"
  }
}

run "a_load_balancer_with_an_address" {
  variables {
    service = { type = "LoadBalancer" }
  }

  override_data {
    target = data.kubernetes_service_v1.this
    values = { status = [{ load_balancer = [{ ingress = [{ hostname = "", ip = "10.0.0.7", ip_mode = "VIP" }] }] }] }
  }

  assert {
    condition     = output.endpoint == "http://10.0.0.7:80/events"
    error_message = "the balancer's address"
  }
}

run "an_ingress" {
  variables {
    ingress = { class_name = "nginx", host = "events.example.com", tls_secret = "tls" }
  }

  assert {
    condition     = output.endpoint == "https://events.example.com/events"
    error_message = "the ingress' host"
  }
}

run "a_chart_without_a_version" {
  command = plan
  variables {
    chart = { repository = "oci://registry.example.com/charts" }
  }
  expect_failures = [var.chart]
}

run "the_default_namespace" {
  command = plan
  variables {
    namespace = "default"
  }
  expect_failures = [var.namespace]
}

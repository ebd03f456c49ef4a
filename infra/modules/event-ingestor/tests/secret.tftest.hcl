# The password from the cloud's secret store.

mock_provider "helm" {}
mock_provider "kubernetes" {}

run "which_secret_is_the_file" {
  command = plan

  variables {
    image        = { repository = "registry.example.com/event-ingestor", tag = "1.2.3" }
    kafka        = { profile = "confluent", brokers = ["pkc-1.example:9092"], username = "KEY" }
    kafka_secret = { store = { provider = "gke", driver = "secrets-store-gke.csi.k8s.io", parameters = { secrets = "..." } } }
  }

  assert {
    condition     = kubernetes_manifest.secret_provider[0].manifest.spec.provider == "gke" && kubernetes_manifest.secret_provider[0].manifest.spec.parameters.secrets == "..."
    error_message = "the class has the provider and its parameters"
  }
  assert {
    condition     = kubernetes_manifest.secret_provider[0].manifest.metadata.name == yamldecode(helm_release.this.values[0]).kafkaSecret.secretProviderClass
    error_message = "the chart mounts the class that is made"
  }
}

# Confluent Cloud with an API key; the API secret in a Kubernetes Secret, HTTPS by an ingress, some settings.
image = {
  repository = "europe-west3-docker.pkg.dev/events-prod-1/ingestor-prod/event-ingestor"
  tag        = "1.2.3"
}
resources = {
  cpu    = "2"
  memory = "1Gi"
}
settings = {
  "journal.events_max" = "1000000"
  "journal.bytes_max"  = "512MiB"
  "kafka.linger"       = "20ms"
}
kafka = {
  profile  = "confluent"
  brokers  = ["pkc-abc12.europe-west3.gcp.confluent.cloud:9092"]
  username = "ABCDEFGHIJKLMNOP"
}
kafka_secret = {
  kubernetes = {
    name = "kafka"
    key  = "api-secret"
  }
}
ingress = {
  class_name = "nginx"
  host       = "events.example.com"
  tls_secret = "events-tls"
}
health_checkers = ["203.0.113.0/24"]

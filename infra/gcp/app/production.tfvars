# For gcp/cluster/production.tfvars: broker acks and as many replicas as the load asks for, HTTPS by GKE's ingress.
name    = "ingestor-prod"
project = "events-prod-1" # yours
region  = "europe-west3"

image = { digest = "sha256:0000000000000000000000000000000000000000000000000000000000000000" } # yours

autoscaling = {
  min = 3
  max = 12
}

kafka = {
  profile  = "confluent"
  brokers  = ["pkc-abc12.europe-west3.gcp.confluent.cloud:9092"] # yours
  username = "ABCDEFGHIJKLMNOP"                                  # the API key
}

kafka_secret = {
  secret_manager = { id = "kafka-password" }
}

ingress = {
  class_name = "gce"
  host       = "events.example.com"
  tls_secret = "events-tls"
}

# For azure/cluster/production.tfvars: broker acks and as many replicas as the load asks for, HTTPS by an ingress controller.
name            = "ingestor-prod"
subscription_id = "00000000-0000-0000-0000-000000000000" # yours
registry        = "ingestorprod"                         # yours

image = { digest = "sha256:0000000000000000000000000000000000000000000000000000000000000000" } # yours

autoscaling = {
  min = 3
  max = 12
}

kafka = {
  profile = "event-hubs"
  brokers = ["example.servicebus.windows.net:9093"] # yours
}

kafka_secret = {
  key_vault = {
    vault  = "ingestor-prod"
    secret = "kafka-connection-string"
  }
}

ingress = {
  class_name = "nginx"
  host       = "events.example.com"
  tls_secret = "events-tls"
}

# For aws/cluster/production.tfvars: a write-ahead log on volumes, MSK with IAM, a public load balancer with TLS.
name   = "ingestor-prod"
region = "eu-central-1"

image = { digest = "sha256:0000000000000000000000000000000000000000000000000000000000000000" } # yours

ack      = "wal"
wal      = { size_gib = 100 }
replicas = 3
resources = {
  cpu    = "2"
  memory = "1Gi"
}

settings = {
  "journal.events_max" = "1000000"
  "journal.bytes_max"  = "512MiB"
}

kafka = {
  profile = "msk-iam"
  brokers = [ # two or three of yours
    "b-1.events.abc123.c2.kafka.eu-central-1.amazonaws.com:9098",
    "b-2.events.abc123.c2.kafka.eu-central-1.amazonaws.com:9098",
  ]
}

load_balancer = {
  reach           = "public"
  certificate_arn = "arn:aws:acm:eu-central-1:111122223333:certificate/6f1f9a4e-0c3a-4f6e-9d0e-0a5f3c0d8f11" # yours
}

# Amazon MSK with user and password; the password by the Secrets Store CSI driver, events kept on volumes.
image = {
  repository = "111122223333.dkr.ecr.eu-central-1.amazonaws.com/ingestor-prod/event-ingestor"
  digest     = "sha256:0000000000000000000000000000000000000000000000000000000000000000"
}
ack = "wal"
wal = {
  size_gib      = 100
  storage_class = "event-ingestor-wal"
}
kafka = {
  profile  = "msk-scram"
  brokers  = ["b-1.events.abc123.c2.kafka.eu-central-1.amazonaws.com:9096", "b-2.events.abc123.c2.kafka.eu-central-1.amazonaws.com:9096"]
  username = "ingestor"
}
kafka_secret = {
  store = {
    provider   = "aws"
    parameters = { objects = "- objectName: AmazonMSK_ingestor", usePodIdentity = "true" }
  }
}
service = {
  type        = "LoadBalancer"
  port        = 443
  tls         = true
  annotations = { "service.beta.kubernetes.io/aws-load-balancer-type" = "nlb" }
}

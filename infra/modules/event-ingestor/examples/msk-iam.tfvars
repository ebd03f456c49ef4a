# Amazon MSK with the pods' IAM role: no secret at all.
image = {
  repository = "111122223333.dkr.ecr.eu-central-1.amazonaws.com/ingestor-prod/event-ingestor"
  tag        = "1.2.3"
}
autoscaling = {
  min = 3
  max = 12
}
kafka = {
  profile = "msk-iam"
  brokers = ["b-1.events.abc123.c2.kafka.eu-central-1.amazonaws.com:9098"]
  region  = "eu-central-1"
}

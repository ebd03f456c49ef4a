# Three zones, each with its own NAT gateway; the API inside the VPC; volumes for the write-ahead log; MSK with IAM.
name            = "ingestor-prod"
region          = "eu-central-1"
zones           = ["eu-central-1a", "eu-central-1b", "eu-central-1c"]
admin_role_arns = ["arn:aws:iam::111122223333:role/platform"] # yours

tags = {
  Environment = "production"
  CostCentre  = "events"
}

nodes = {
  instance_types = ["m7i.xlarge"]
  min            = 1
  desired        = 1
  max            = 4
  disk_gib       = 50
}

msk_iam = {
  cluster_arn = "arn:aws:kafka:eu-central-1:111122223333:cluster/events/0d8f2c5e-7c1c-4d8e-9b55-1b0c6a1c2f11-3" # yours
  topics      = ["events", "events-dlq"]
}

# A cluster for trying things out: one NAT gateway, no interface endpoints, spot nodes, broker acks only.
name            = "ingestor-small"
region          = "eu-central-1"
zones           = ["eu-central-1a", "eu-central-1b"]
admin_role_arns = ["arn:aws:iam::111122223333:role/platform"] # yours
# api_allowed_cidrs = ["203.0.113.7/32"]                      # yours; without it the API is reachable only from inside the VPC

nat                 = "one"
interface_endpoints = []
wal                 = false
log_retention_days  = 30

nodes = {
  instance_types = ["m7i.large", "m6i.large", "m5.large"]
  spot           = true
}

# A cluster for trying things out: few nodes, no SLA.
name            = "ingestor-small"
subscription_id = "00000000-0000-0000-0000-000000000000" # yours
location        = "germanywestcentral"
zones           = ["1", "2"]
admin_group_ids = ["11111111-1111-1111-1111-111111111111"] # yours
sku_tier        = "Free"
# api_allowed_cidrs = ["203.0.113.7/32"]                   # yours; without it the API is reachable only from inside the network

registry        = { name = "ingestorsmall" } # unique in all of Azure
host_encryption = false

log_retention_days = 30

system_nodes = { count = 1 }
nodes = {
  min = 1
  max = 3
}

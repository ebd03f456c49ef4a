# A cluster for trying things out: spot nodes in two zones, and it can be destroyed.
name                = "ingestor-small"
project             = "events-try-1" # yours
region              = "europe-west3"
zones               = ["europe-west3-a", "europe-west3-b"]
deletion_protection = false
# api_allowed_cidrs = ["203.0.113.7/32"] # yours; without it the API is reachable only from inside the network

nodes = {
  spot = true
}

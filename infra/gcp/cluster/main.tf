# Files of this root: network.tf (network), keys.tf, cluster.tf, nodes.tf, registry.tf, identities.tf
# (rights). Logs go to Cloud Logging through the cluster's logging_config.

locals {
  labels = merge(var.labels, {
    application  = "event-ingestor"
    installation = var.name
    managed-by   = "terraform"
  })

  # Private ranges (RFC 1918, RFC 6598) reach the API's address inside the network, others its public one.
  api_cidrs = {
    inside  = [for cidr in var.api_allowed_cidrs : cidr if can(regex(local.private_cidr, cidr))]
    outside = [for cidr in var.api_allowed_cidrs : cidr if !can(regex(local.private_cidr, cidr))]
  }
  private_cidr = "^(10|172\\.(1[6-9]|2[0-9]|3[01])|192\\.168|100\\.(6[4-9]|[7-9][0-9]|1[01][0-9]|12[0-7]))\\."

  services = toset([
    "artifactregistry.googleapis.com",
    "cloudkms.googleapis.com",
    "compute.googleapis.com",
    "container.googleapis.com",
    "containerscanning.googleapis.com",
    "iam.googleapis.com",
    "logging.googleapis.com",
    "monitoring.googleapis.com",
    "secretmanager.googleapis.com",
  ])
}

data "google_project" "this" {
  project_id = var.project
}

# Not disabled by a teardown: others in the project may need them.
resource "google_project_service" "this" {
  for_each = local.services

  service            = each.key
  disable_on_destroy = false
}

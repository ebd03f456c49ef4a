# Files of this root: network.tf (network), keys.tf, cluster.tf, nodes.tf, registry.tf, identities.tf
# (rights). Logs go to Cloud Logging through the cluster's logging_config.

locals {
  labels = merge(var.labels, {
    application  = "event-ingestor"
    installation = var.name
    managed-by   = "terraform"
  })

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

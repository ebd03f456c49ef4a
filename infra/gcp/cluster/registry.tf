resource "google_artifact_registry_repository" "this" {
  # checkov:skip=CKV_GCP_84:images hold no secrets; Google's keys do
  repository_id = var.name
  location      = var.region
  format        = "DOCKER"
  description   = "Images of the Event Ingestor, installation ${var.name}"

  docker_config {
    immutable_tags = true
  }

  vulnerability_scanning_config {
    enablement_config = "INHERITED" # on, by containerscanning.googleapis.com in main.tf
  }

  cleanup_policies {
    id     = "untagged-after-a-week"
    action = "DELETE"

    condition {
      tag_state  = "UNTAGGED"
      older_than = "7d"
    }
  }

  cleanup_policies {
    id     = "old"
    action = "DELETE"

    condition {
      tag_state  = "TAGGED"
      older_than = "30d"
    }
  }

  # The keep policy has priority over the delete policy.
  cleanup_policies {
    id     = "newest-stay"
    action = "KEEP"

    most_recent_versions {
      keep_count = var.images_kept
    }
  }

  depends_on = [google_project_service.this]
}

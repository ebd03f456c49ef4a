# The bucket of the states of both roots, created once per project by a user with the rights. Its own state stays with that user, or
# is moved into the bucket afterwards (infra/README.md). The backend locks objects of Cloud Storage itself.

terraform {
  required_version = ">= 1.11.0"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "7.45.0"
    }
  }
}

provider "google" {
  project = var.project
  region  = var.region
}

resource "google_storage_bucket" "state" {
  # checkov:skip=CKV_GCP_62:access to states is recorded in Cloud Audit Logs
  name     = var.bucket
  location = var.region

  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"

  labels = {
    application = "event-ingestor"
    managed-by  = "terraform"
  }

  versioning {
    enabled = true
  }

  lifecycle_rule {
    condition {
      num_newer_versions         = 20
      days_since_noncurrent_time = 365
    }
    action {
      type = "Delete"
    }
  }

  lifecycle {
    prevent_destroy = true # without the states Terraform can't change or remove any part of an installation
  }
}

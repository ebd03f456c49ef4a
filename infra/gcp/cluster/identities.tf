resource "google_service_account" "nodes" {
  account_id   = "${var.name}-nodes"
  display_name = "Nodes of ${var.name}"

  depends_on = [google_project_service.this]
}

# Logs, metrics and the other rights that a node needs, without access to the project's data.
resource "google_project_iam_member" "nodes" {
  project = var.project
  role    = "roles/container.defaultNodeServiceAccount"
  member  = google_service_account.nodes.member
}

# Access to this registry only.
resource "google_artifact_registry_repository_iam_member" "pull" {
  repository = google_artifact_registry_repository.this.name
  location   = google_artifact_registry_repository.this.location
  role       = "roles/artifactregistry.reader"
  member     = google_service_account.nodes.member
}

locals {
  # Workload Identity Federation: the Kubernetes service account itself is the principal, without a Google account,
  # so it needs no annotation.
  ingestor = "principal://iam.googleapis.com/projects/${data.google_project.this.number}/locations/global/workloadIdentityPools/${var.project}.svc.id.goog/subject/ns/${var.service_account.namespace}/sa/${var.service_account.name}"
}

resource "google_secret_manager_secret_iam_member" "kafka" {
  count = var.kafka_secret == null ? 0 : 1

  secret_id = var.kafka_secret
  role      = "roles/secretmanager.secretAccessor"
  member    = local.ingestor

  depends_on = [google_container_cluster.this] # it creates the identity pool
}

output "cluster_name" {
  description = "Name of the cluster, which the app root takes as name."
  value       = google_container_cluster.this.name
}

output "kubeconfig_command" {
  description = "Command that lets kubectl reach the cluster."
  value       = "gcloud container clusters get-credentials ${google_container_cluster.this.name} --region ${var.region} --project ${var.project}"
}

output "repository_url" {
  description = "The repository to push the image to."
  value       = "${var.region}-docker.pkg.dev/${var.project}/${google_artifact_registry_repository.this.repository_id}/event-ingestor"
}

output "ingestor_principal" {
  description = "Identity of the ingestor's pods, for further grants."
  value       = local.ingestor
}

output "network" {
  description = "Network of the cluster, to peer with Kafka's or to attach Private Service Connect endpoints to."
  value       = google_compute_network.this.id
}

output "subnetwork" {
  description = "Subnet of the nodes."
  value       = google_compute_subnetwork.nodes.id
}

output "nat_addresses" {
  description = "Public addresses that the cluster's traffic comes from, for the allow list of a Kafka that is reached over the internet."
  value       = [google_compute_address.nat.address]
}

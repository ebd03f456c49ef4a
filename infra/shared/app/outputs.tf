output "endpoint" {
  description = "Address for events from outside the cluster; null if it is not reachable from outside."
  value       = module.event_ingestor.endpoint
}

output "internal_endpoint" {
  description = "Address for events from inside the cluster."
  value       = module.event_ingestor.internal_endpoint
}

output "release" {
  description = "Name and namespace of the Helm release."
  value       = module.event_ingestor.release
}

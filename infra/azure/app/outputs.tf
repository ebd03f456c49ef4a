output "endpoint" {
  description = "Where events are sent to from outside the cluster; null when there is no way in."
  value       = module.event_ingestor.endpoint
}

output "internal_endpoint" {
  description = "Where events are sent to from inside the cluster."
  value       = module.event_ingestor.internal_endpoint
}

output "release" {
  description = "Name and namespace of the Helm release."
  value       = module.event_ingestor.release
}

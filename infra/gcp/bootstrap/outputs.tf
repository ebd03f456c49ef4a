output "backend" {
  description = "Contents of backend.hcl for both roots; the prefix differs."
  value       = <<-EOT
    bucket = "${google_storage_bucket.state.name}"
  EOT
}

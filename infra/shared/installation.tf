# Inputs of the cluster roots and the app roots: an installation's two roots must get the same.

variable "name" {
  description = "Name of the installation, as ingestor-prod, the same for both roots. Everything is named after it, and the app root finds the cluster by it."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.name))
    error_message = "name: 3 to 20 characters, a-z 0-9 and -, beginning with a letter and not ending with -."
  }
}

variable "service_account" {
  description = "Namespace and service account of the pods, the same for both roots: the cloud gives them the ingestor's identity."
  type = object({
    namespace = optional(string, "event-ingestor")
    name      = optional(string, "event-ingestor")
  })
  default = {}
}

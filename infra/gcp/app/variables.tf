variable "project" {
  description = "Id of the Google Cloud project, as given to the cluster root."
  type        = string
}

variable "region" {
  description = "Region, as given to the cluster root."
  type        = string
}

variable "kafka_secret" {
  description = "Location of the Kafka password: a Kubernetes Secret ({ kubernetes = { name = \"...\" } }), or a secret of Secret Manager in this project, by its id, and the version. The latter needs kafka_secret in the cluster root too: the right to read."
  type = object({
    kubernetes = optional(object({
      name = string
      key  = optional(string, "password")
    }))
    secret_manager = optional(object({
      id      = string
      version = optional(string, "latest")
    }))
  })
  default = null
}

variable "load_balancer" {
  description = "Network load balancer in front of the service: none, or internal (for the network and peered networks). It passes TCP through; for access from the internet use ingress, whose class gce ends TLS."
  type = object({
    reach = optional(string, "none")
  })
  default = {}

  validation {
    condition     = contains(["none", "internal"], var.load_balancer.reach)
    error_message = "load_balancer: reach is none or internal; from the internet events come by HTTPS, see ingress."
  }
}

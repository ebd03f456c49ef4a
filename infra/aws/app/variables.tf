variable "region" {
  description = "AWS region, as given to the cluster root."
  type        = string
}

variable "kafka_secret" {
  description = "Location of the Kafka password: a Kubernetes Secret ({ kubernetes = { name = \"...\" } }), or a secret of AWS Secrets Manager, by its ARN and, where it is JSON, the member that is the password (MSK's secrets have password). The latter needs kafka_secret in the cluster root too: the driver, and the right to read."
  type = object({
    kubernetes = optional(object({
      name = string
      key  = optional(string, "password")
    }))
    secrets_manager = optional(object({
      arn    = string
      member = optional(string)
    }))
  })
  default = null

  validation {
    condition     = try(var.kafka_secret.secrets_manager, null) == null || can(regex("^arn:aws[a-z-]*:secretsmanager:", var.kafka_secret.secrets_manager.arn))
    error_message = "kafka_secret: the ARN of a secret of AWS Secrets Manager."
  }
}

variable "load_balancer" {
  description = "Network load balancer in front of the service: none, internal (private subnets), or public. It passes TCP through: for HTTPS use tls, ingress, or its TLS listener with certificate_arn, which decrypts: client certificates don't get through it."
  type = object({
    reach           = optional(string, "none")
    certificate_arn = optional(string)
  })
  default = {}

  validation {
    condition     = contains(["none", "internal", "public"], var.load_balancer.reach)
    error_message = "load_balancer: reach is none, internal or public."
  }

  validation {
    condition     = var.load_balancer.reach != "public" || var.load_balancer.certificate_arn != null || var.tls != null
    error_message = "load_balancer: a public one needs certificate_arn or tls, so that events are not sent over the internet unencrypted."
  }

  validation {
    condition     = var.load_balancer.certificate_arn == null || try(var.tls.client_auth, "off") == "off"
    error_message = "load_balancer: with certificate_arn it ends TLS, so the pods never see the certificates that tls.client_auth is about."
  }
}

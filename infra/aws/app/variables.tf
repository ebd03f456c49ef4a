# The module's inputs are passed through unchanged; modules/event-ingestor/variables.tf describes and checks them.

variable "name" {
  description = "Name of the installation, as given to the cluster root."
  type        = string
}

variable "region" {
  description = "AWS region, as given to the cluster root."
  type        = string
}

variable "service_account" {
  description = "Namespace and service account of the pods, as given to the cluster root: EKS knows the ingestor's role by them."
  type = object({
    namespace = optional(string, "event-ingestor")
    name      = optional(string, "event-ingestor")
  })
  default = {}
}

variable "create_namespace" {
  description = "Whether this root creates the namespace. false: it must exist already, which is required if the Kafka password is in a Kubernetes Secret."
  type        = bool
  default     = true
}

variable "image" {
  description = "Tag or digest of the image; its repository is this installation's registry unless it is named."
  type = object({
    repository = optional(string)
    tag        = optional(string)
    digest     = optional(string)
  })
}

variable "chart" {
  description = "The Helm chart, see the module."
  type        = any
  default     = {}
}

variable "ack" {
  description = "The guarantee of a success reply: broker or wal. wal needs wal = true in the cluster root."
  type        = string
  default     = "broker"
}

variable "wal" {
  description = "Size of each replica's volume; this root creates its storage class (gp3, encrypted, kept when the claim is deleted)."
  type = object({
    size_gib = optional(number, 20)
  })
  default = {}
}

variable "replicas" {
  description = "Number of replicas if autoscaling is unset."
  type        = number
  default     = 3
}

variable "autoscaling" {
  description = "Replicas by CPU, see the module."
  type        = any
  default     = null
}

variable "resources" {
  description = "CPU and memory of a replica, see the module."
  type        = any
  default     = {}
}

variable "settings" {
  description = "Further settings of the service, see the module."
  type        = map(string)
  default     = {}
}

variable "kafka" {
  description = "The Kafka to deliver to, see the module. region is this root's where the profile is msk-iam and none is given."
  type        = any
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
    condition     = var.kafka_secret == null || (try(var.kafka_secret.kubernetes, null) != null) != (try(var.kafka_secret.secrets_manager, null) != null)
    error_message = "kafka_secret: either kubernetes or secrets_manager."
  }

  validation {
    condition     = try(var.kafka_secret.secrets_manager, null) == null || can(regex("^arn:aws[a-z-]*:secretsmanager:", var.kafka_secret.secrets_manager.arn))
    error_message = "kafka_secret: the ARN of a secret of AWS Secrets Manager."
  }
}

variable "load_balancer" {
  description = "Network load balancer in front of the service: none, internal (private subnets), or public. It passes TCP through: for HTTPS use ingress, or its TLS listener with certificate_arn."
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
    condition     = var.load_balancer.reach != "public" || var.load_balancer.certificate_arn != null
    error_message = "load_balancer: a public one needs certificate_arn, so that events are not sent over the internet unencrypted."
  }
}

variable "ingress" {
  description = "HTTPS by an ingress controller that the cluster already has, see the module."
  type        = any
  default     = null
}

variable "extra_values" {
  description = "Values of the chart that have no input, see the module."
  type        = any
  default     = {}
}

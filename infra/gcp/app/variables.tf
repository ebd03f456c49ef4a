# The module's inputs are passed through unchanged; modules/event-ingestor/variables.tf describes and checks them.

variable "name" {
  description = "Name of the installation, as given to the cluster root."
  type        = string
}

variable "project" {
  description = "Id of the Google Cloud project, as given to the cluster root."
  type        = string
}

variable "region" {
  description = "Region, as given to the cluster root."
  type        = string
}

variable "service_account" {
  description = "Namespace and service account of the pods, as given to the cluster root: Google Cloud knows the ingestor by them."
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
  description = "The guarantee of a success reply: broker or wal."
  type        = string
  default     = "broker"
}

variable "wal" {
  description = "Size of each replica's volume; this root creates its storage class (pd-ssd, kept when the claim is deleted)."
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
  description = "The Kafka to deliver to, see the module."
  type        = any
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

  validation {
    condition     = var.kafka_secret == null || (try(var.kafka_secret.kubernetes, null) != null) != (try(var.kafka_secret.secret_manager, null) != null)
    error_message = "kafka_secret: either kubernetes or secret_manager."
  }
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

variable "ingress" {
  description = "HTTPS by an ingress controller, see the module. The class gce is GKE's own and faces the internet, gce-internal doesn't."
  type        = any
  default     = null
}

variable "extra_values" {
  description = "Values of the chart that have no input, see the module."
  type        = any
  default     = {}
}

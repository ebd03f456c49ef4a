variable "project" {
  description = "Id of the Google Cloud project."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "project: a project's id, as events-prod-1."
  }
}

variable "region" {
  description = "Region, as europe-west3. The control plane is in all of its zones."
  type        = string

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "region: a region, not a zone, as europe-west3."
  }
}

variable "zones" {
  description = "Zones of the nodes, two or three, as [\"europe-west3-a\", \"europe-west3-b\", \"europe-west3-c\"]."
  type        = list(string)

  validation {
    condition     = length(var.zones) >= 2 && length(var.zones) <= 3 && length(distinct(var.zones)) == length(var.zones)
    error_message = "zones: two or three different zones."
  }

  validation {
    condition     = alltrue([for zone in var.zones : startswith(zone, "${var.region}-")])
    error_message = "zones: each zone has to be in the region."
  }
}

variable "labels" {
  description = "Labels for every resource that supports them, in addition to application, installation and managed-by."
  type        = map(string)
  default     = {}
}

variable "autopilot" {
  description = "Autopilot instead of Standard: Google runs the nodes and bills pods, node settings below don't apply. This can't be changed later: a change creates a new cluster."
  type        = bool
  default     = false
}

variable "subnet_cidrs" {
  description = "Addresses of nodes, pods and services. Must not overlap with the network that Kafka is in, if the two are to be peered."
  type = object({
    nodes    = optional(string, "10.40.0.0/20")
    pods     = optional(string, "10.44.0.0/14")
    services = optional(string, "10.48.0.0/20")
  })
  default = {}

  validation {
    condition     = alltrue([for cidr in values(var.subnet_cidrs) : can(cidrnetmask(cidr))])
    error_message = "subnet_cidrs: IPv4 ranges, as 10.40.0.0/20."
  }
}

variable "release_channel" {
  description = "GKE's source of Kubernetes versions: REGULAR, STABLE or RAPID. GKE upgrades automatically, in the window of maintenance_start."
  type        = string
  default     = "REGULAR"

  validation {
    condition     = contains(["REGULAR", "STABLE", "RAPID"], var.release_channel)
    error_message = "release_channel: one of REGULAR, STABLE, RAPID."
  }
}

variable "maintenance_start" {
  description = "Start of the daily window of four hours in which GKE may upgrade, in UTC, as 02:00."
  type        = string
  default     = "02:00"

  validation {
    condition     = can(regex("^([01][0-9]|2[0-3]):[0-5][0-9]$", var.maintenance_start))
    error_message = "maintenance_start: HH:MM in UTC."
  }
}

variable "nodes" {
  description = "Node pool of a Standard cluster. The numbers are per zone; GKE's autoscaler works between min and max."
  type = object({
    machine_type = optional(string, "n2d-standard-2")
    min          = optional(number, 1)
    max          = optional(number, 3)
    disk_gib     = optional(number, 50)
    spot         = optional(bool, false)
  })
  default = {}

  validation {
    condition     = var.nodes.min >= 1 && var.nodes.min <= var.nodes.max
    error_message = "nodes: 1 <= min <= max."
  }

  validation {
    condition     = var.nodes.disk_gib >= 20
    error_message = "nodes: disk_gib is at least 20."
  }
}

variable "kafka_secret" {
  description = "Id of a secret of Secret Manager, in this project, with the Kafka password that the ingestor's pods may read. It must exist; Terraform doesn't manage its value. Unset: the right is not given."
  type        = string
  default     = null

  validation {
    condition     = var.kafka_secret == null || can(regex("^[A-Za-z0-9_-]{1,255}$", var.kafka_secret))
    error_message = "kafka_secret: the secret's id, without project and version."
  }
}

variable "images_kept" {
  description = "Images that the registry keeps, newest first."
  type        = number
  default     = 50

  validation {
    condition     = var.images_kept >= 2
    error_message = "images_kept: at least 2, so that a rollback is possible."
  }
}

variable "deletion_protection" {
  description = "Whether the cluster is protected against destroy. For a teardown set it to false and apply first."
  type        = bool
  default     = true
}

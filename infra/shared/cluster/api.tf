# The Kubernetes API: its version, and who may reach it.

variable "kubernetes_version" {
  description = "Kubernetes minor version of the cluster and its nodes. Raise it by one at a time. Google Cloud: the lowest one, the release channel may be ahead of it. Azure: patches are installed automatically."
  type        = string
  default     = "1.35"

  validation {
    condition     = can(regex("^1\\.[0-9]{2}$", var.kubernetes_version))
    error_message = "kubernetes_version: a minor version, as 1.35."
  }
}

variable "api_allowed_cidrs" {
  description = <<-EOT
    Addresses that may reach the Kubernetes API in addition to nodes and pods; the machine that applies the app root must be
    among them. Private ranges (a VPN's, a peered network's, a bastion's) may use its address inside the network; with public
    ones it gets a public address, for these alone. Azure: without public ones the cluster is private, and its network and what
    is peered with it reach it without being listed (a peered network has to be linked to the cluster's private DNS zone); a
    later change creates a new cluster.
  EOT
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for cidr in var.api_allowed_cidrs : can(cidrnetmask(cidr)) && try(tonumber(split("/", cidr)[1]), 0) >= 8])
    error_message = "api_allowed_cidrs: IPv4 ranges of /8 or smaller; the API is not opened to everyone."
  }
}

locals {
  # Private ranges (RFC 1918, RFC 6598) use the API's address inside the network, public ones its public address.
  api_cidrs = {
    inside  = [for cidr in var.api_allowed_cidrs : cidr if can(regex(local.private_cidr, cidr))]
    outside = [for cidr in var.api_allowed_cidrs : cidr if !can(regex(local.private_cidr, cidr))]
  }
  private_cidr = "^(10|172\\.(1[6-9]|2[0-9]|3[01])|192\\.168|100\\.(6[4-9]|[7-9][0-9]|1[01][0-9]|12[0-7]))\\."
}

variable "subscription_id" {
  description = "Id of the Azure subscription."
  type        = string

  validation {
    condition     = can(regex("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", var.subscription_id))
    error_message = "subscription_id: a UUID in lower case."
  }
}

variable "location" {
  description = "Region, as germanywestcentral. It has to have availability zones."
  type        = string

  validation {
    condition     = can(regex("^[a-z]+[0-9]?$", var.location))
    error_message = "location: a region's short name, as germanywestcentral."
  }
}

variable "zones" {
  description = "Availability zones of the nodes, two or three of 1, 2 and 3."
  type        = list(string)
  default     = ["1", "2", "3"]

  validation {
    condition     = length(var.zones) >= 2 && length(distinct(var.zones)) == length(var.zones) && length(setsubtract(var.zones, ["1", "2", "3"])) == 0
    error_message = "zones: two or three different ones of \"1\", \"2\" and \"3\"."
  }
}

variable "tags" {
  description = "Tags for every resource, in addition to Application, Installation and ManagedBy."
  type        = map(string)
  default     = {}
}

variable "vnet_cidr" {
  description = "Addresses of the virtual network. Must not overlap with the network that Kafka is in, if the two are to be peered. Pods have addresses in a separate overlay."
  type        = string
  default     = "10.40.0.0/16"

  validation {
    condition     = can(cidrnetmask(var.vnet_cidr)) && try(tonumber(split("/", var.vnet_cidr)[1]), 0) >= 16 && try(tonumber(split("/", var.vnet_cidr)[1]), 0) <= 20
    error_message = "vnet_cidr: an IPv4 range of /16 to /20, as 10.40.0.0/16."
  }
}

variable "sku_tier" {
  description = "Standard (with an SLA for the API server) or Free."
  type        = string
  default     = "Standard"

  validation {
    condition     = contains(["Free", "Standard"], var.sku_tier)
    error_message = "sku_tier: Free or Standard."
  }
}

variable "admin_group_ids" {
  description = "Object ids of Microsoft Entra groups that administer the cluster; the app root must be applied by a member of one of them. There are no local accounts."
  type        = set(string)

  validation {
    condition     = length(var.admin_group_ids) > 0 && alltrue([for id in var.admin_group_ids : can(regex("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", id))])
    error_message = "admin_group_ids: at least one object id of a group, a UUID, otherwise the cluster can't be used."
  }
}

variable "nodes" {
  description = "Node pool of the ingestor, spread over the zones; the autoscaler works between min and max, which count all zones together. The size has to have room for the system disk in its cache (ephemeral_disk), or that is set to false."
  type = object({
    vm_size        = optional(string, "Standard_D2ds_v5")
    min            = optional(number, 3)
    max            = optional(number, 9)
    disk_gib       = optional(number, 64)
    ephemeral_disk = optional(bool, true)
  })
  default = {}

  validation {
    condition     = var.nodes.min >= 1 && var.nodes.min <= var.nodes.max
    error_message = "nodes: 1 <= min <= max."
  }

  validation {
    condition     = var.nodes.disk_gib >= 30
    error_message = "nodes: disk_gib is at least 30."
  }
}

variable "system_nodes" {
  description = "Node pool of Kubernetes' own pods: the size, and how many, over all zones. Azure asks for 2 cores and 4 GiB at least."
  type = object({
    vm_size        = optional(string, "Standard_D2ds_v5")
    count          = optional(number, 3)
    ephemeral_disk = optional(bool, true)
  })
  default = {}

  validation {
    condition     = var.system_nodes.count >= 1
    error_message = "system_nodes: count is at least 1."
  }
}

variable "host_encryption" {
  description = "Encryption of the nodes' temporary disks and caches at their host. The subscription needs the feature EncryptionAtHost of Microsoft.Compute."
  type        = bool
  default     = true
}

variable "registry" {
  description = "The image registry: its name, unique in all of Azure, and its tier. Premium adds zone redundancy and the removal of untagged images after a week."
  type = object({
    name = string
    sku  = optional(string, "Standard")
  })

  validation {
    condition     = can(regex("^[a-z0-9]{5,50}$", var.registry.name)) && contains(["Standard", "Premium"], var.registry.sku)
    error_message = "registry: name is 5 to 50 of a-z 0-9, sku Standard or Premium."
  }
}

variable "key_vault" {
  description = "Key Vault for the Kafka password, which the ingestor's pods may read: its name, unique in all of Azure, its writers (object ids), and their addresses in addition to the cluster's. Unset: no vault is created."
  type = object({
    name          = string
    writers       = optional(set(string), [])
    allowed_cidrs = optional(list(string), [])
  })
  default = null

  validation {
    condition     = var.key_vault == null || can(regex("^[a-z][a-z0-9-]{1,22}[a-z0-9]$", var.key_vault.name))
    error_message = "key_vault: name is 3 to 24 of a-z 0-9 and -."
  }
}

variable "event_hubs_namespace_id" {
  description = "Resource id of an Event Hubs namespace to reach by a private endpoint instead of over its public address. Unset: the public address is used."
  type        = string
  default     = null

  validation {
    condition     = var.event_hubs_namespace_id == null || can(regex("^/subscriptions/[0-9a-f-]+/resourceGroups/[^/]+/providers/Microsoft.EventHub/namespaces/[^/]+$", var.event_hubs_namespace_id))
    error_message = "event_hubs_namespace_id: /subscriptions/.../resourceGroups/.../providers/Microsoft.EventHub/namespaces/NAME."
  }
}

variable "log_retention_days" {
  description = "Days that the control plane's logs are kept."
  type        = number
  default     = 365

  validation {
    condition     = var.log_retention_days >= 30 && var.log_retention_days <= 730
    error_message = "log_retention_days: 30 to 730."
  }
}

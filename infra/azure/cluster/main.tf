# Files of this root: network.tf (network), event_hubs.tf (private access to Event Hubs), cluster.tf, nodes.tf,
# registry.tf, key_vault.tf, logs.tf, identities.tf (rights).

locals {
  tags = merge(var.tags, {
    Application  = "event-ingestor"
    Installation = var.name
    ManagedBy    = "terraform"
  })

  # Private ranges (RFC 1918, RFC 6598) belong to this network and peered ones, from which a private cluster is reachable
  # at any address; public ranges make the cluster public.
  api_cidrs = {
    inside  = [for cidr in var.api_allowed_cidrs : cidr if can(regex(local.private_cidr, cidr))]
    outside = [for cidr in var.api_allowed_cidrs : cidr if !can(regex(local.private_cidr, cidr))]
  }
  private_cidr = "^(10|172\\.(1[6-9]|2[0-9]|3[01])|192\\.168|100\\.(6[4-9]|[7-9][0-9]|1[01][0-9]|12[0-7]))\\."
}

resource "azurerm_resource_group" "this" {
  name     = var.name
  location = var.location
  tags     = local.tags
}

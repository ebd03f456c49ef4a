# Files of this root: network.tf (network), event_hubs.tf (private access to Event Hubs), cluster.tf, nodes.tf,
# registry.tf, key_vault.tf, logs.tf, identities.tf (rights).

locals {
  tags = merge(var.tags, {
    Application  = "event-ingestor"
    Installation = var.name
    ManagedBy    = "terraform"
  })
}

resource "azurerm_resource_group" "this" {
  name     = var.name
  location = var.location
  tags     = local.tags
}

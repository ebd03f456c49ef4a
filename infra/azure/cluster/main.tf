# What is in this root: network.tf (where things are), event_hubs.tf (a private way to Event Hubs), cluster.tf, nodes.tf,
# registry.tf, key_vault.tf, logs.tf, identities.tf (who may do what).

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

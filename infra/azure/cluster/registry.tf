# Tags are not immutable by a setting here as they are at the other two; deploy by digest, or lock a tag:
# az acr repository update --name REGISTRY --image event-ingestor:TAG --write-enabled false
resource "azurerm_container_registry" "this" {
  name                   = var.registry.name
  resource_group_name    = azurerm_resource_group.this.name
  location               = azurerm_resource_group.this.location
  sku                    = var.registry.sku
  admin_enabled          = false
  anonymous_pull_enabled = false
  tags                   = local.tags

  zone_redundancy_enabled  = var.registry.sku == "Premium"
  retention_policy_in_days = var.registry.sku == "Premium" ? 7 : null # untagged images
}

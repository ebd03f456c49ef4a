# Tags are not immutable by a setting here as they are at the other two; deploy by digest, or lock a tag:
# az acr repository update --name REGISTRY --image event-ingestor:TAG --write-enabled false
resource "azurerm_container_registry" "this" {
  # checkov:skip=CKV_AZURE_139:images are pushed from outside the network; Entra controls who may push, and there is no admin account
  # checkov:skip=CKV_AZURE_163:scanning is Defender for Containers, switched on for a subscription, not for a registry
  # checkov:skip=CKV_AZURE_164:content trust of registries is retired; deploy by digest
  # checkov:skip=CKV_AZURE_165:one installation is in one region
  # checkov:skip=CKV_AZURE_166:quarantine needs a scanner that releases images, which is not part of this
  # checkov:skip=CKV_AZURE_233:set for Premium, the tier that has it
  # checkov:skip=CKV_AZURE_237:only Premium has them, and only a firewall that lists host names needs them
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

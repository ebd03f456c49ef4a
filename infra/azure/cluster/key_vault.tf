# Holds the Kafka password. A person or a pipeline sets its value (infra/README.md), never Terraform.
resource "azurerm_key_vault" "this" {
  # checkov:skip=CKV2_AZURE_32:network_acls admit the nodes' subnet, through its service endpoint, and the named addresses
  count = var.key_vault == null ? 0 : 1

  name                = var.key_vault.name
  resource_group_name = azurerm_resource_group.this.name
  location            = azurerm_resource_group.this.location
  tenant_id           = data.azurerm_client_config.current.tenant_id
  sku_name            = "standard"
  tags                = local.tags

  rbac_authorization_enabled = true
  purge_protection_enabled   = true
  soft_delete_retention_days = 30

  network_acls {
    default_action             = "Deny"
    bypass                     = "None"
    virtual_network_subnet_ids = [azurerm_subnet.nodes.id]
    ip_rules                   = var.key_vault.allowed_cidrs
  }
}

resource "azurerm_role_assignment" "secret_readers" {
  count = var.key_vault == null ? 0 : 1

  scope                = azurerm_key_vault.this[0].id
  role_definition_name = "Key Vault Secrets User"
  principal_id         = azurerm_user_assigned_identity.ingestor.principal_id
  principal_type       = "ServicePrincipal"
}

resource "azurerm_role_assignment" "secret_writers" {
  for_each = var.key_vault == null ? toset([]) : var.key_vault.writers

  scope                = azurerm_key_vault.this[0].id
  role_definition_name = "Key Vault Secrets Officer"
  principal_id         = each.key
}

provider "azurerm" {
  subscription_id = var.subscription_id

  # In a new subscription none of them is registered, and the provider registers none automatically.
  resource_providers_to_register = [
    "Microsoft.ContainerRegistry",
    "Microsoft.ContainerService",
    "Microsoft.Insights",
    "Microsoft.KeyVault",
    "Microsoft.ManagedIdentity",
    "Microsoft.Network",
    "Microsoft.OperationalInsights",
    "Microsoft.PolicyInsights", # azure_policy_enabled
  ]

  features {
    key_vault {
      purge_soft_delete_on_destroy    = false # a vault that was deleted by mistake can be restored during its retention time
      recover_soft_deleted_key_vaults = true
    }

    resource_group {
      prevent_deletion_if_contains_resources = true # for example volumes with undelivered events
    }
  }
}

data "azurerm_client_config" "current" {}

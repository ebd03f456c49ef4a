provider "azurerm" {
  subscription_id = var.subscription_id

  # A new subscription knows none of them, and the provider registers none by itself.
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
      purge_soft_delete_on_destroy    = false # a vault deleted by mistake can be had back for as long as it is kept
      recover_soft_deleted_key_vaults = true
    }

    resource_group {
      prevent_deletion_if_contains_resources = true # volumes with undelivered events, for one
    }
  }
}

data "azurerm_client_config" "current" {}

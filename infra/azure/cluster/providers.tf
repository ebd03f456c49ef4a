provider "azurerm" {
  subscription_id = var.subscription_id

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

# The storage account of the states of both roots, created once per subscription by a user with the rights. Its own state stays with
# that user, or is moved into the container afterwards (infra/README.md). The backend locks blobs with leases.

terraform {
  required_version = ">= 1.11.0"

  required_providers {
    azurerm = {
      source  = "hashicorp/azurerm"
      version = "5.2.0"
    }
  }
}

provider "azurerm" {
  subscription_id     = var.subscription_id
  storage_use_azuread = true # the account has no keys

  resource_providers_to_register = ["Microsoft.Storage"] # it is not registered in a new subscription

  features {}
}

locals {
  tags = {
    Application = "event-ingestor"
    ManagedBy   = "terraform"
  }
}

resource "azurerm_resource_group" "state" {
  name     = "terraform-state"
  location = var.location
  tags     = local.tags
}

resource "azurerm_storage_account" "state" {
  # checkov:skip=CKV_AZURE_33:no queues are used
  # checkov:skip=CKV_AZURE_36:no service of Azure has to read states
  # checkov:skip=CKV_AZURE_59:network_rules admit only the named addresses
  # checkov:skip=CKV2_AZURE_1:keys of the platform; a vault for a separate key would be needed before there is any state
  # checkov:skip=CKV2_AZURE_33:states are needed before there is a network to put an endpoint into
  name                     = var.storage_account
  resource_group_name      = azurerm_resource_group.state.name
  location                 = azurerm_resource_group.state.location
  account_tier             = "Standard"
  account_replication_type = "GRS"
  tags                     = local.tags

  min_tls_version                 = "TLS1_2"
  shared_access_key_enabled       = false
  allow_nested_items_to_be_public = false
  default_to_oauth_authentication = true
  local_user_enabled              = false

  blob_properties {
    versioning_enabled = true

    delete_retention_policy {
      days = 365
    }

    container_delete_retention_policy {
      days = 365
    }
  }

  network_rules {
    default_action = "Deny"
    ip_rules       = var.allowed_cidrs
    bypass         = ["None"]
  }

  lifecycle {
    prevent_destroy = true # without the states Terraform can't change or remove any part of an installation
  }
}

resource "azurerm_storage_container" "state" {
  # checkov:skip=CKV2_AZURE_21:reads of states are in the subscription's own diagnostic settings, if it has them; none is made before the first installation
  name                  = "states"
  storage_account_id    = azurerm_storage_account.state.id
  container_access_type = "private"

  lifecycle {
    prevent_destroy = true
  }
}

resource "azurerm_role_assignment" "state" {
  for_each = var.state_users

  scope                = azurerm_storage_container.state.id
  role_definition_name = "Storage Blob Data Contributor"
  principal_id         = each.key
}

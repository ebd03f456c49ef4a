# The storage account of the states of both roots, made once a subscription by someone who may. Its own state stays with whoever
# made it, or is moved into the container afterwards (infra/README.md). Blobs are locked by leases, by the backend itself.

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

  features {}
}

variable "subscription_id" {
  description = "Id of the Azure subscription."
  type        = string
}

variable "location" {
  description = "Region of the account."
  type        = string
}

variable "storage_account" {
  description = "Name of the storage account; unique in all of Azure."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9]{3,24}$", var.storage_account))
    error_message = "storage_account: 3 to 24 of a-z 0-9."
  }
}

variable "state_users" {
  description = "Object ids of the groups or identities that run Terraform: they read and write states."
  type        = set(string)
}

variable "allowed_cidrs" {
  description = "Addresses that states are reached from."
  type        = list(string)
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
    prevent_destroy = true # without the states nothing of an installation can be changed or removed by Terraform
  }
}

resource "azurerm_storage_container" "state" {
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

output "backend" {
  description = "Contents of backend.hcl for both roots; the key differs."
  value       = <<-EOT
    subscription_id      = "${var.subscription_id}"
    resource_group_name  = "${azurerm_resource_group.state.name}"
    storage_account_name = "${azurerm_storage_account.state.name}"
    container_name       = "${azurerm_storage_container.state.name}"
    use_azuread_auth     = true
  EOT
}

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

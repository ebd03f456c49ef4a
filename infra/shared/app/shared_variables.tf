# Inputs of the app roots. passed_variables.tf has those that the module takes as they are.

variable "image" {
  description = "Tag or digest of the image; its repository is this installation's registry unless it is named."
  type = object({
    repository = optional(string)
    tag        = optional(string)
    digest     = optional(string)
  })
}

variable "wal" {
  description = "Size of each replica's volume, unset: 20 GiB, on Azure 32. The root creates the storage class (an SSD, kept when the claim is deleted)."
  type = object({
    size_gib = optional(number)
  })
  default = {}
}

variable "kafka" {
  description = "The Kafka to deliver to, see the module. On AWS region is this root's where the profile is msk-iam and none is given."
  type        = any
}

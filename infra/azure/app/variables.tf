variable "subscription_id" {
  description = "Id of the Azure subscription, as given to the cluster root."
  type        = string
}

variable "registry" {
  description = "Name of the image registry, as given to the cluster root. Unset: image.repository has to be given."
  type        = string
  default     = null
}

variable "login" {
  description = "How kubelogin gets a token: azurecli (a person), workloadidentity, msi or spn (pipelines)."
  type        = string
  default     = "azurecli"

  validation {
    condition     = contains(["azurecli", "workloadidentity", "msi", "spn"], var.login)
    error_message = "login: one of azurecli, workloadidentity, msi, spn."
  }
}

variable "kafka_secret" {
  description = "Location of the Kafka password: a Kubernetes Secret ({ kubernetes = { name = \"...\" } }), or a secret of the installation's Key Vault, by the vault's name and its own. The latter needs key_vault in the cluster root."
  type = object({
    kubernetes = optional(object({
      name = string
      key  = optional(string, "password")
    }))
    key_vault = optional(object({
      vault  = string
      secret = string
    }))
  })
  default = null
}

variable "load_balancer" {
  description = "Load balancer in front of the service: none, or internal (for the network and peered networks). It passes TCP through; for access from the internet use ingress."
  type = object({
    reach = optional(string, "none")
  })
  default = {}

  validation {
    condition     = contains(["none", "internal"], var.load_balancer.reach)
    error_message = "load_balancer: reach is none or internal; from the internet events come by HTTPS, see ingress."
  }
}

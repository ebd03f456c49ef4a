terraform {
  required_version = ">= 1.11.0"

  # The roots pin the versions; the module gives the supported ranges.
  required_providers {
    helm = {
      source  = "hashicorp/helm"
      version = ">= 3.1, < 4.0"
    }
    kubernetes = {
      source  = "hashicorp/kubernetes"
      version = ">= 3.2, < 4.0"
    }
  }
}

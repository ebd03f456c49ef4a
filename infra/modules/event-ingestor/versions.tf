terraform {
  required_version = ">= 1.11.0"

  # The roots pin the versions; a module says what it works with.
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

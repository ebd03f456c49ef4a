# The cluster root has made the cluster already: nothing here is configured from resources of this apply. The cluster has
# no local accounts; kubelogin converts the log-in of the Azure CLI (or of var.login) into a token, which no plan or
# state contains.

provider "azurerm" {
  subscription_id = var.subscription_id

  features {}
}

data "azurerm_kubernetes_cluster" "this" {
  name                = var.name
  resource_group_name = var.name
}

locals {
  cluster_host = data.azurerm_kubernetes_cluster.this.kube_config[0].host
  cluster_ca   = base64decode(data.azurerm_kubernetes_cluster.this.kube_config[0].cluster_ca_certificate)

  # Azure's own application "AKS Microsoft Entra server", the same everywhere.
  kubelogin = ["get-token", "--login", var.login, "--server-id", "6dae42f8-4368-4678-94ff-3960e28e3630"]
}

provider "kubernetes" {
  host                   = local.cluster_host
  cluster_ca_certificate = local.cluster_ca

  exec {
    api_version = "client.authentication.k8s.io/v1"
    command     = "kubelogin"
    args        = local.kubelogin
  }
}

provider "helm" {
  kubernetes = {
    host                   = local.cluster_host
    cluster_ca_certificate = local.cluster_ca

    exec = {
      api_version = "client.authentication.k8s.io/v1"
      command     = "kubelogin"
      args        = local.kubelogin
    }
  }
}

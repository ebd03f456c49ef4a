# The cluster root has made the cluster already: nothing here is configured from resources of this apply. The token is
# ephemeral, so neither plan nor state contains it.

provider "google" {
  project = var.project
  region  = var.region
}

data "google_container_cluster" "this" {
  name     = var.name
  location = var.region
}

ephemeral "google_client_config" "this" {}

locals {
  cluster_host = "https://${data.google_container_cluster.this.endpoint}"
  cluster_ca   = base64decode(data.google_container_cluster.this.master_auth[0].cluster_ca_certificate)
}

provider "kubernetes" {
  host                   = local.cluster_host
  cluster_ca_certificate = local.cluster_ca
  token                  = ephemeral.google_client_config.this.access_token
}

provider "helm" {
  kubernetes = {
    host                   = local.cluster_host
    cluster_ca_certificate = local.cluster_ca
    token                  = ephemeral.google_client_config.this.access_token
  }
}

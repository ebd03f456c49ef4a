# The cluster root has made the cluster already: nothing here is configured from resources of this apply. The token is
# ephemeral, so neither plan nor state contains it.

provider "aws" {
  region = var.region

  default_tags {
    tags = {
      Application  = "event-ingestor"
      Installation = var.name
      ManagedBy    = "terraform"
    }
  }
}

data "aws_eks_cluster" "this" {
  name = var.name
}

ephemeral "aws_eks_cluster_auth" "this" {
  name = data.aws_eks_cluster.this.name
}

locals {
  cluster_ca = base64decode(data.aws_eks_cluster.this.certificate_authority[0].data)
}

provider "kubernetes" {
  host                   = data.aws_eks_cluster.this.endpoint
  cluster_ca_certificate = local.cluster_ca
  token                  = ephemeral.aws_eks_cluster_auth.this.token
}

provider "helm" {
  kubernetes = {
    host                   = data.aws_eks_cluster.this.endpoint
    cluster_ca_certificate = local.cluster_ca
    token                  = ephemeral.aws_eks_cluster_auth.this.token
  }
}

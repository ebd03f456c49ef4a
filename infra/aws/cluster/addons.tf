locals {
  # Nodes become ready only with these add-ons. They are daemon sets, so they may exist before the nodes.
  addons_before_nodes = {
    eks-pod-identity-agent = {}
    kube-proxy             = {}
    vpc-cni = {
      role            = aws_iam_role.addon["vpc-cni"].arn
      service_account = "aws-node"
      values          = { enableNetworkPolicy = "true" } # without it the chart's NetworkPolicy is silently ignored
    }
  }

  addons_after_nodes = merge(
    {
      coredns        = {}
      metrics-server = {} # provides the metrics for horizontal scaling
    },
    var.wal ? {
      aws-ebs-csi-driver = {
        role            = aws_iam_role.addon["aws-ebs-csi-driver"].arn
        service_account = "ebs-csi-controller-sa"
        values          = { defaultStorageClass = { enabled = false } }
      }
    } : {},
    var.kafka_secret == null ? {} : {
      aws-secrets-store-csi-driver-provider = {
        values = { secrets-store-csi-driver = { enableSecretRotation = true, rotationPollInterval = "2m" } } # off by default
      }
    },
  )

  addon_roles = merge(
    { vpc-cni = { service_account = "aws-node", policy = "AmazonEKS_CNI_Policy" } },
    var.wal ? {
      aws-ebs-csi-driver = { service_account = "ebs-csi-controller-sa", policy = "service-role/AmazonEBSCSIDriverPolicy" }
    } : {},
  )
}

resource "aws_eks_addon" "before_nodes" {
  for_each = local.addons_before_nodes

  cluster_name                = aws_eks_cluster.this.name
  addon_name                  = each.key
  addon_version               = lookup(var.addon_versions, each.key, null)
  configuration_values        = can(each.value.values) ? jsonencode(each.value.values) : null
  resolve_conflicts_on_create = "OVERWRITE"
  resolve_conflicts_on_update = "OVERWRITE"

  dynamic "pod_identity_association" {
    for_each = can(each.value.role) ? [each.value] : []

    content {
      role_arn        = pod_identity_association.value.role
      service_account = pod_identity_association.value.service_account
    }
  }
}

resource "aws_eks_addon" "after_nodes" {
  for_each = local.addons_after_nodes

  cluster_name                = aws_eks_cluster.this.name
  addon_name                  = each.key
  addon_version               = lookup(var.addon_versions, each.key, null)
  configuration_values        = can(each.value.values) ? jsonencode(each.value.values) : null
  resolve_conflicts_on_create = "OVERWRITE"
  resolve_conflicts_on_update = "OVERWRITE"

  dynamic "pod_identity_association" {
    for_each = can(each.value.role) ? [each.value] : []

    content {
      role_arn        = pod_identity_association.value.role
      service_account = pod_identity_association.value.service_account
    }
  }

  depends_on = [aws_eks_node_group.this]
}

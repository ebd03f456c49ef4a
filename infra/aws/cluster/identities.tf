# One role each for the control plane, the nodes, the add-ons, the flow logs and the ingestor, with the rights that it needs.

locals {
  # EKS Pod Identity: a pod gets a role by its namespace and service account. The tags in the conditions are set by EKS.
  pod_subjects = merge(
    { for addon, role in local.addon_roles : addon => { namespace = "kube-system", name = role.service_account } },
    { ingestor = var.service_account },
  )
}

data "aws_iam_policy_document" "trust_service" {
  for_each = toset(["eks", "ec2", "vpc-flow-logs"])

  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["${each.key}.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "trust_pod" {
  for_each = local.pod_subjects

  statement {
    actions = ["sts:AssumeRole", "sts:TagSession"]

    principals {
      type        = "Service"
      identifiers = ["pods.eks.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [aws_eks_cluster.this.arn]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:RequestTag/kubernetes-namespace"
      values   = [each.value.namespace]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:RequestTag/kubernetes-service-account"
      values   = [each.value.name]
    }
  }
}

resource "aws_iam_role" "cluster" {
  name               = "${var.name}-cluster"
  assume_role_policy = data.aws_iam_policy_document.trust_service["eks"].json
}

resource "aws_iam_role_policy_attachment" "cluster" {
  role       = aws_iam_role.cluster.name
  policy_arn = "arn:${local.partition}:iam::aws:policy/AmazonEKSClusterPolicy"
}

resource "aws_iam_role" "node" {
  name               = "${var.name}-node"
  assume_role_policy = data.aws_iam_policy_document.trust_service["ec2"].json
}

# Not AmazonEKS_CNI_Policy: the CNI add-on has its own role.
resource "aws_iam_role_policy_attachment" "node" {
  for_each = toset(["AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly"])

  role       = aws_iam_role.node.name
  policy_arn = "arn:${local.partition}:iam::aws:policy/${each.key}"
}

resource "aws_iam_role" "addon" {
  for_each = local.addon_roles

  name               = "${var.name}-${each.key}"
  assume_role_policy = data.aws_iam_policy_document.trust_pod[each.key].json
}

resource "aws_iam_role_policy_attachment" "addon" {
  for_each = local.addon_roles

  role       = aws_iam_role.addon[each.key].name
  policy_arn = "arn:${local.partition}:iam::aws:policy/${each.value.policy}"
}

resource "aws_iam_role" "flows" {
  name               = "${var.name}-flows"
  assume_role_policy = data.aws_iam_policy_document.trust_service["vpc-flow-logs"].json
}

data "aws_iam_policy_document" "flows" {
  statement {
    actions   = ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.flows.arn}:*"]
  }
}

resource "aws_iam_role_policy" "flows" {
  name   = "write-flow-logs"
  role   = aws_iam_role.flows.id
  policy = data.aws_iam_policy_document.flows.json
}

resource "aws_iam_role" "ingestor" {
  name               = "${var.name}-ingestor"
  assume_role_policy = data.aws_iam_policy_document.trust_pod["ingestor"].json
}

resource "aws_eks_pod_identity_association" "ingestor" {
  cluster_name    = aws_eks_cluster.this.name
  namespace       = var.service_account.namespace
  service_account = var.service_account.name
  role_arn        = aws_iam_role.ingestor.arn
}

# Exactly the rights that docs/KAFKA.md lists.
data "aws_iam_policy_document" "msk" {
  count = var.msk_iam == null ? 0 : 1

  statement {
    sid       = "Connect"
    actions   = ["kafka-cluster:Connect", "kafka-cluster:WriteDataIdempotently"]
    resources = [var.msk_iam.cluster_arn]
  }

  statement {
    sid       = "Produce"
    actions   = ["kafka-cluster:DescribeTopic", "kafka-cluster:DescribeTopicDynamicConfiguration", "kafka-cluster:WriteData"]
    resources = [for topic in var.msk_iam.topics : "${replace(var.msk_iam.cluster_arn, ":cluster/", ":topic/")}/${topic}"]
  }
}

resource "aws_iam_role_policy" "msk" {
  count = length(data.aws_iam_policy_document.msk)

  name   = "produce-to-msk"
  role   = aws_iam_role.ingestor.id
  policy = data.aws_iam_policy_document.msk[0].json
}

data "aws_iam_policy_document" "secret" {
  count = var.kafka_secret == null ? 0 : 1

  statement {
    sid       = "Read"
    actions   = ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"]
    resources = [var.kafka_secret.arn]
  }

  dynamic "statement" {
    for_each = var.kafka_secret.kms_key_arn == null ? [] : [var.kafka_secret.kms_key_arn]

    content {
      sid       = "Decrypt"
      actions   = ["kms:Decrypt"]
      resources = [statement.value]

      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = ["secretsmanager.${var.region}.amazonaws.com"]
      }
    }
  }
}

resource "aws_iam_role_policy" "secret" {
  count = length(data.aws_iam_policy_document.secret)

  name   = "read-kafka-secret"
  role   = aws_iam_role.ingestor.id
  policy = data.aws_iam_policy_document.secret[0].json
}

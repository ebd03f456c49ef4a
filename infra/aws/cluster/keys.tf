# One key for the stored data of this installation: Kubernetes secrets, images, logs.
resource "aws_kms_key" "this" {
  description             = "${var.name}: Kubernetes secrets, images, logs"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy                  = data.aws_iam_policy_document.key.json

  tags = { Name = var.name }
}

resource "aws_kms_alias" "this" {
  name          = "alias/${var.name}"
  target_key_id = aws_kms_key.this.key_id
}

data "aws_iam_policy_document" "key" {
  # checkov:skip=CKV_AWS_109:in a key's own policy "*" means this key, and the account's IAM policies control access
  # checkov:skip=CKV_AWS_111:in a key's own policy "*" means this key, and the account's IAM policies control access
  # checkov:skip=CKV_AWS_356:in a key's own policy "*" means this key, and the account's IAM policies control access
  # Without this statement no user could ever change the key's policy again. It delegates to IAM policies and grants nothing to users directly.
  statement {
    sid       = "AccountDecidesByIam"
    actions   = ["kms:*"]
    resources = ["*"]

    principals {
      type        = "AWS"
      identifiers = ["arn:${local.partition}:iam::${local.account}:root"]
    }
  }

  statement {
    sid       = "LogGroupsOfThisInstallation"
    actions   = ["kms:Encrypt*", "kms:Decrypt*", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"]
    resources = ["*"]

    principals {
      type        = "Service"
      identifiers = ["logs.${var.region}.amazonaws.com"]
    }

    condition {
      test     = "ArnEquals"
      variable = "kms:EncryptionContext:aws:logs:arn"
      values = [
        "arn:${local.partition}:logs:${var.region}:${local.account}:log-group:/aws/eks/${var.name}/cluster",
        "arn:${local.partition}:logs:${var.region}:${local.account}:log-group:/aws/vpc/${var.name}/flows",
      ]
    }
  }
}

locals {
  secret = try(var.kafka_secret.secrets_manager, null)

  # Secrets Manager's provider expects a list of objects as a string of YAML. If a member is given, it writes that member into a file.
  secret_objects = local.secret == null ? null : yamlencode([
    merge(
      { objectName = local.secret.arn },
      local.secret.member == null ? { objectAlias = "password" } : {},
      local.secret.member == null ? {} : { jmesPath = [{ path = local.secret.member, objectAlias = "password" }] },
    ),
  ])

  balancer = "service.beta.kubernetes.io/aws-load-balancer"

  # What release.tf needs from the cloud.
  cloud = {
    repository = one(data.aws_ecr_repository.this[*].repository_url)

    disk = {
      driver     = "ebs.csi.aws.com"
      parameters = { type = "gp3", encrypted = "true" }
      size_gib   = 20
    }

    kafka = merge(var.kafka, var.kafka.profile == "msk-iam" ? { region = try(coalesce(var.kafka.region), var.region) } : {})
    secret_store = local.secret == null ? null : {
      driver     = "secrets-store.csi.k8s.io"
      provider   = "aws"
      parameters = { objects = local.secret_objects, region = var.region, usePodIdentity = "true" }
    }

    # EKS Pod Identity uses namespace and service account.
    identity_annotations = {}
    identity_labels      = {}

    service = {
      type = var.load_balancer.reach == "none" ? "ClusterIP" : "LoadBalancer"
      tls  = var.load_balancer.reach != "none" && var.load_balancer.certificate_arn != null
      annotations = var.load_balancer.reach == "none" ? {} : merge(
        {
          "${local.balancer}-type"     = "nlb"
          "${local.balancer}-internal" = tostring(var.load_balancer.reach == "internal")
        },
        var.load_balancer.certificate_arn == null ? {} : {
          "${local.balancer}-ssl-cert"         = var.load_balancer.certificate_arn
          "${local.balancer}-ssl-ports"        = "*"
          "${local.balancer}-backend-protocol" = var.tls == null ? "tcp" : "ssl"
        },
      )
    }
    ingress         = var.ingress
    health_checkers = []
  }
}

data "aws_ecr_repository" "this" {
  count = var.image.repository == null ? 1 : 0

  name = "${var.name}/event-ingestor"
}

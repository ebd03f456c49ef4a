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
}

data "aws_ecr_repository" "this" {
  count = var.image.repository == null ? 1 : 0

  name = "${var.name}/event-ingestor"
}

# Retain: a volume may hold acknowledged events that are not delivered yet. Only a person may decide to delete it.
resource "kubernetes_storage_class_v1" "wal" {
  count = var.ack == "wal" ? 1 : 0

  metadata {
    name = "${var.service_account.namespace}-wal"
  }

  storage_provisioner    = "ebs.csi.aws.com"
  reclaim_policy         = "Retain"
  volume_binding_mode    = "WaitForFirstConsumer"
  allow_volume_expansion = true

  parameters = {
    type      = "gp3"
    encrypted = "true"
  }
}

module "event_ingestor" {
  source = "../../modules/event-ingestor"

  name             = var.service_account.name
  namespace        = var.service_account.namespace
  create_namespace = var.create_namespace
  chart            = var.chart
  image            = merge(var.image, { repository = coalesce(var.image.repository, one(data.aws_ecr_repository.this[*].repository_url)) })

  ack         = var.ack
  wal         = merge(var.wal, { storage_class = one(kubernetes_storage_class_v1.wal[*].metadata[0].name) })
  replicas    = var.replicas
  autoscaling = var.autoscaling
  resources   = var.resources
  settings    = var.settings

  kafka = merge(var.kafka, var.kafka.profile == "msk-iam" ? { region = try(coalesce(var.kafka.region), var.region) } : {})
  kafka_secret = var.kafka_secret == null ? null : {
    kubernetes = try(var.kafka_secret.kubernetes, null)
    store = local.secret == null ? null : {
      driver     = "secrets-store.csi.k8s.io"
      provider   = "aws"
      parameters = { objects = local.secret_objects, region = var.region, usePodIdentity = "true" }
    }
  }

  # The identity needs no annotation: EKS Pod Identity uses namespace and service account.

  service = {
    type = var.load_balancer.reach == "none" ? "ClusterIP" : "LoadBalancer"
    port = var.load_balancer.certificate_arn == null ? 80 : 443
    tls  = var.load_balancer.reach != "none" && var.load_balancer.certificate_arn != null
    annotations = var.load_balancer.reach == "none" ? {} : merge(
      {
        "${local.balancer}-type"     = "nlb"
        "${local.balancer}-internal" = tostring(var.load_balancer.reach == "internal")
      },
      var.load_balancer.certificate_arn == null ? {} : {
        "${local.balancer}-ssl-cert"         = var.load_balancer.certificate_arn
        "${local.balancer}-ssl-ports"        = "*"
        "${local.balancer}-backend-protocol" = "tcp"
      },
    )
  }
  ingress      = var.ingress
  extra_values = var.extra_values
}

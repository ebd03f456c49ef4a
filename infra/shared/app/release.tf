# The release, and the volumes of its pods. local.cloud (main.tf) has what differs between the clouds.

# Retain: a volume may hold acknowledged events that are not delivered yet. Only a person may decide to delete it.
resource "kubernetes_storage_class_v1" "wal" {
  count = var.ack == "wal" ? 1 : 0

  metadata {
    name = "${var.service_account.namespace}-wal"
  }

  storage_provisioner    = local.cloud.disk.driver
  reclaim_policy         = "Retain"
  volume_binding_mode    = "WaitForFirstConsumer"
  allow_volume_expansion = true
  parameters             = local.cloud.disk.parameters
}

module "event_ingestor" {
  source = "../../modules/event-ingestor"

  name             = var.service_account.name
  namespace        = var.service_account.namespace
  create_namespace = var.create_namespace
  chart            = var.chart
  image            = merge(var.image, { repository = coalesce(var.image.repository, local.cloud.repository) })

  ack = var.ack
  wal = {
    size_gib      = coalesce(var.wal.size_gib, local.cloud.disk.size_gib)
    storage_class = one(kubernetes_storage_class_v1.wal[*].metadata[0].name)
  }
  replicas    = var.replicas
  autoscaling = var.autoscaling
  resources   = var.resources
  settings    = var.settings

  tls            = var.tls
  clients_secret = var.clients_secret

  kafka = local.cloud.kafka
  kafka_secret = var.kafka_secret == null ? null : {
    kubernetes = var.kafka_secret.kubernetes
    store      = local.cloud.secret_store
  }

  identity_annotations = local.cloud.identity_annotations
  identity_labels      = local.cloud.identity_labels

  service         = local.cloud.service
  ingress         = local.cloud.ingress
  health_checkers = local.cloud.health_checkers
  extra_values    = var.extra_values
}

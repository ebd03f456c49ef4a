locals {
  vault = try(var.kafka_secret.key_vault, null)

  # Key Vault's provider expects a string of YAML with a list of documents, each a string of YAML.
  vault_objects = local.vault == null ? null : yamlencode({
    array = [yamlencode({
      objectName  = local.vault.secret
      objectType  = "secret"
      objectAlias = "password"
    })]
  })
}

data "azurerm_container_registry" "this" {
  count = var.image.repository == null ? 1 : 0

  name                = coalesce(var.registry, "registry-or-image.repository-is-needed")
  resource_group_name = var.name
}

data "azurerm_user_assigned_identity" "ingestor" {
  name                = "${var.name}-ingestor"
  resource_group_name = var.name
}

# Retain: a volume may hold acknowledged events that are not delivered yet. Only a person may decide to delete it.
resource "kubernetes_storage_class_v1" "wal" {
  count = var.ack == "wal" ? 1 : 0

  metadata {
    name = "${var.service_account.namespace}-wal"
  }

  storage_provisioner    = "disk.csi.azure.com"
  reclaim_policy         = "Retain"
  volume_binding_mode    = "WaitForFirstConsumer"
  allow_volume_expansion = true

  parameters = {
    skuName     = "Premium_LRS"
    cachingMode = "None" # with a host cache a sync could succeed before the data is on the disk
  }
}

module "event_ingestor" {
  source = "../../modules/event-ingestor"

  name             = var.service_account.name
  namespace        = var.service_account.namespace
  create_namespace = var.create_namespace
  chart            = var.chart
  image            = merge(var.image, { repository = coalesce(var.image.repository, one([for server in data.azurerm_container_registry.this[*].login_server : "${server}/event-ingestor"])) })

  ack         = var.ack
  wal         = merge(var.wal, { storage_class = one(kubernetes_storage_class_v1.wal[*].metadata[0].name) })
  replicas    = var.replicas
  autoscaling = var.autoscaling
  resources   = var.resources
  settings    = var.settings

  kafka = var.kafka
  kafka_secret = var.kafka_secret == null ? null : {
    kubernetes = try(var.kafka_secret.kubernetes, null)
    store = local.vault == null ? null : {
      driver   = "secrets-store.csi.k8s.io"
      provider = "azure"
      parameters = {
        clientID     = data.azurerm_user_assigned_identity.ingestor.client_id
        keyvaultName = local.vault.vault
        tenantId     = data.azurerm_user_assigned_identity.ingestor.tenant_id
        objects      = local.vault_objects
      }
    }
  }

  identity_annotations = { "azure.workload.identity/client-id" = data.azurerm_user_assigned_identity.ingestor.client_id }
  identity_labels      = { "azure.workload.identity/use" = "true" }

  service = {
    type        = var.load_balancer.reach == "none" ? "ClusterIP" : "LoadBalancer"
    annotations = var.load_balancer.reach == "none" ? {} : { "service.beta.kubernetes.io/azure-load-balancer-internal" = "true" }
  }
  ingress      = var.ingress
  extra_values = var.extra_values
}

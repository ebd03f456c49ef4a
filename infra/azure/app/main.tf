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

  # What release.tf needs from the cloud.
  cloud = {
    repository = one([for server in data.azurerm_container_registry.this[*].login_server : "${server}/event-ingestor"])

    disk = {
      driver = "disk.csi.azure.com"
      parameters = {
        skuName     = "Premium_LRS"
        cachingMode = "None" # with a host cache a sync could succeed before the data is on the disk
      }
      size_gib = 32
    }

    kafka = var.kafka
    secret_store = local.vault == null ? null : {
      driver   = "secrets-store.csi.k8s.io"
      provider = "azure"
      parameters = {
        clientID     = data.azurerm_user_assigned_identity.ingestor.client_id
        keyvaultName = local.vault.vault
        tenantId     = data.azurerm_user_assigned_identity.ingestor.tenant_id
        objects      = local.vault_objects
      }
    }

    identity_annotations = { "azure.workload.identity/client-id" = data.azurerm_user_assigned_identity.ingestor.client_id }
    identity_labels      = { "azure.workload.identity/use" = "true" }

    service = {
      type        = var.load_balancer.reach == "none" ? "ClusterIP" : "LoadBalancer"
      annotations = var.load_balancer.reach == "none" ? {} : { "service.beta.kubernetes.io/azure-load-balancer-internal" = "true" }
    }
    ingress         = var.ingress
    health_checkers = []
  }
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

# The chart's values. Inputs become values here and nowhere else. This file, kafka.tf and variables.tf need no provider, so
# tools/infra.sh can evaluate them anywhere and compare them with the chart.

locals {
  # { "journal.bytes_max" = "1GiB" } -> { journal = { bytes_max = "1GiB" } }, as in the settings file.
  setting_groups = toset([for key in keys(var.settings) : split(".", key)[0]])
  extra_settings = {
    for group in local.setting_groups : group => {
      for key, value in var.settings : split(".", key)[1] => value if split(".", key)[0] == group
    }
  }
  settings = merge(local.extra_settings, {
    kafka = merge(lookup(local.extra_settings, "kafka", {}), local.kafka_settings)
  })

  store                 = try(var.kafka_secret.store, null)
  kubernetes_secret     = try(var.kafka_secret.kubernetes, null)
  secret_provider_class = "${var.name}-kafka"

  values = {
    fullnameOverride = var.name

    image = { for key, value in var.image : key => value if value != null }

    ack         = var.ack
    settings    = local.settings
    kafkaSecret = local.kafka_secret
    persistence = local.persistence

    tls           = local.tls
    clientsSecret = var.clients_secret == null ? {} : { name = var.clients_secret.name, key = var.clients_secret.key }

    replicas    = var.replicas
    autoscaling = local.autoscaling
    resources = {
      requests = { cpu = var.resources.cpu, memory = var.resources.memory }
      limits   = { memory = var.resources.memory }
    }

    serviceAccount = { create = true, name = var.name, annotations = var.identity_annotations }
    podLabels      = var.identity_labels

    service = {
      type        = var.service.type
      port        = local.port
      annotations = var.service.annotations
    }
    ingress = local.ingress

    # With an empty list the chart's default rule applies (all pods of the cluster), which is the first one here.
    networkPolicy = {
      metricsFrom = [
        for from in concat([{ namespaceSelector = {} }], [for cidr in var.health_checkers : { ipBlock = { cidr = cidr } }]) :
        from if length(var.health_checkers) > 0
      ]
    }
  }

  # Only the given inputs become values; everything else has the chart's defaults.
  kafka_secret = merge(
    local.kubernetes_secret == null ? {} : { name = local.kubernetes_secret.name },
    local.kubernetes_secret == null ? {} : { items = [{ key = local.kubernetes_secret.key, path = "password" }] },
    local.store == null ? {} : { secretProviderClass = local.secret_provider_class, driver = local.store.driver },
  )
  tls = merge(
    var.tls == null ? {} : { clientAuth = var.tls.client_auth, clientCaKey = var.tls.client_ca_key },
    try(var.tls.secret_name, null) == null ? {} : { secretName = var.tls.secret_name },
    try(var.tls.client_ca_secret, null) == null ? {} : { clientCaSecret = var.tls.client_ca_secret },
    try(var.tls.cert_manager, null) == null ? {} : { certManager = { issuer = var.tls.cert_manager.issuer, dnsNames = var.tls.cert_manager.dns_names } },
  )
  port = coalesce(var.service.port, var.tls != null || var.service.tls ? 443 : 80)

  persistence = var.ack != "wal" ? {} : merge(
    { size = "${var.wal.size_gib}Gi" },
    var.wal.storage_class == null ? {} : { storageClass = var.wal.storage_class },
  )
  autoscaling = merge(
    { enabled = var.autoscaling != null },
    { for key, value in {
      minReplicas = try(var.autoscaling.min, null)
      maxReplicas = try(var.autoscaling.max, null)
      cpuPercent  = try(var.autoscaling.cpu_percent, null)
    } : key => value if value != null },
  )
  ingress = merge(
    { enabled = var.ingress != null },
    var.ingress == null ? {} : { host = var.ingress.host },
    try(var.ingress.class_name, null) == null ? {} : { className = var.ingress.class_name },
    try(var.ingress.tls_secret, null) == null ? {} : { tlsSecret = var.ingress.tls_secret },
    var.ingress == null ? {} : { annotations = var.ingress.annotations },
  )
}

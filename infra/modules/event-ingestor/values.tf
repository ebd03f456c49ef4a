# The chart's values. Inputs become values here and nowhere else. This file, kafka.tf and variables.tf need no provider, so
# tools/infra.sh can work them out anywhere and hold them against the chart.

locals {
  # { "journal.bytes_max" = "1GiB" } -> { journal = { bytes_max = "1GiB" } }, as the settings file has it.
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
  secret_provider_class = "${var.name}-kafka"

  service_name = var.name # fullnameOverride below
  service_port = 80

  values = {
    fullnameOverride = var.name

    image = { for key, value in var.image : key => value if value != null }

    ack      = var.ack
    settings = local.settings

    replicas = var.replicas
    autoscaling = merge({ enabled = var.autoscaling != null }, {
      for key, value in {
        minReplicas = try(var.autoscaling.min, null)
        maxReplicas = try(var.autoscaling.max, null)
        cpuPercent  = try(var.autoscaling.cpu_percent, null)
      } : key => value if value != null
    })
  }
}

output "values" {
  description = "What the chart is given, as YAML; no secrets are in it."
  value       = yamlencode(local.values)
}

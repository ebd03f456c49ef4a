# The settings that each profile of Kafka stands for; docs/KAFKA.md says why they are as they are.

locals {
  secret_dir    = "/run/secrets/kafka"
  password_file = "${local.secret_dir}/password"

  security = {
    msk-scram = {
      protocol      = "SASL_SSL"
      mechanism     = "SCRAM-SHA-512"
      username      = var.kafka.username
      password_file = local.password_file
    }
    msk-iam = {
      protocol     = "SASL_SSL"
      mechanism    = "OAUTHBEARER"
      oauth_source = "aws_msk_iam"
      aws_region   = var.kafka.region
    }
    confluent = {
      protocol      = "SASL_SSL"
      mechanism     = "PLAIN"
      username      = var.kafka.username
      password_file = local.password_file
    }
    event-hubs = {
      protocol      = "SASL_SSL"
      mechanism     = "PLAIN"
      username      = "$ConnectionString" # these very characters
      password_file = local.password_file
    }
    plain = {
      protocol = "PLAINTEXT"
    }
  }[var.kafka.profile]

  # What goes over a longer way, or is paid by the byte, is worth compressing. Event Hubs' Standard tier takes no compression.
  compression = var.kafka.profile == "confluent" ? "zstd" : null

  kafka_settings = merge(
    {
      brokers   = join(",", var.kafka.brokers)
      topic     = var.kafka.topic
      dlq_topic = var.kafka.dlq_topic
      security  = { for key, value in local.security : key => value if value != null }
    },
    local.compression == null ? {} : { compression = local.compression },
  )
}

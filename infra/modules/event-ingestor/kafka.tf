# The settings of each Kafka profile; docs/KAFKA.md explains them.

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
      username      = "$ConnectionString" # this literal text
      password_file = local.password_file
    }
    plain = {
      protocol = "PLAINTEXT"
    }
  }[var.kafka.profile]

  # Compression pays off over a long distance, or if traffic is billed. Event Hubs' Standard tier doesn't support compression.
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

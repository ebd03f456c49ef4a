# Tests how inputs become values, and which inputs are rejected. Needs no provider.

variables {
  image = { repository = "registry.example.com/event-ingestor", tag = "1.2.3" }
  kafka = { profile = "plain", brokers = ["kafka.kafka.svc:9092"] }
}

run "the_least_input_is_a_stateless_deployment" {
  command = plan

  assert {
    condition     = local.values.ack == "broker" && local.values.replicas == 3 && length(local.values.persistence) == 0 && !local.values.autoscaling.enabled
    error_message = "without further inputs: three replicas, broker acks, no volume"
  }
  assert {
    condition     = local.values.settings.kafka.security == { protocol = "PLAINTEXT" } && length(local.values.kafkaSecret) == 0
    error_message = "a plain broker has no credentials"
  }
  assert {
    condition     = local.values.resources.limits == { memory = "512Mi" }
    error_message = "memory is limited, the processor isn't"
  }
  assert {
    condition     = !can(local.values.image.digest)
    error_message = "inputs that are not given must not become values"
  }
}

run "msk_scram" {
  command = plan

  variables {
    ack          = "wal"
    wal          = { size_gib = 100, storage_class = "wal" }
    kafka        = { profile = "msk-scram", brokers = ["b-1.example:9096", "b-2.example:9096"], username = "ingestor" }
    kafka_secret = { store = { provider = "aws", parameters = { objects = "..." } } }
  }

  assert {
    condition     = local.values.settings.kafka.brokers == "b-1.example:9096,b-2.example:9096"
    error_message = "brokers are one text"
  }
  assert {
    condition = local.values.settings.kafka.security == {
      protocol      = "SASL_SSL"
      mechanism     = "SCRAM-SHA-512"
      username      = "ingestor"
      password_file = "/run/secrets/kafka/password"
    }
    error_message = "SCRAM as in docs/KAFKA.md"
  }
  assert {
    condition     = local.values.kafkaSecret == { secretProviderClass = "event-ingestor-kafka", driver = "secrets-store.csi.k8s.io" }
    error_message = "the password must be mounted by the store's driver"
  }
  assert {
    condition     = local.values.persistence == tomap({ size = "100Gi", storageClass = "wal" })
    error_message = "the write-ahead log has its volume"
  }
}

run "msk_iam_has_no_secret" {
  command = plan

  variables {
    kafka = { profile = "msk-iam", brokers = ["b-1.example:9098"], region = "eu-central-1" }
  }

  assert {
    condition = local.values.settings.kafka.security == {
      protocol     = "SASL_SSL"
      mechanism    = "OAUTHBEARER"
      oauth_source = "aws_msk_iam"
      aws_region   = "eu-central-1"
    }
    error_message = "IAM as in docs/KAFKA.md"
  }
}

run "confluent" {
  command = plan

  variables {
    kafka        = { profile = "confluent", brokers = ["pkc-1.example:9092"], username = "KEY" }
    kafka_secret = { kubernetes = { name = "kafka", key = "api-secret" } }
    settings     = { "journal.bytes_max" = "512MiB", "kafka.linger" = "20ms" }
  }

  assert {
    condition     = local.values.settings.kafka.security.mechanism == "PLAIN" && local.values.settings.kafka.compression == "zstd"
    error_message = "an API key, and compression"
  }
  assert {
    condition     = local.values.settings.kafka.linger == "20ms" && local.values.settings.journal.bytes_max == "512MiB"
    error_message = "settings must be in their groups, together with those of the profile"
  }
  assert {
    condition     = local.values.kafkaSecret.name == "kafka" && local.values.kafkaSecret.items[0] == { key = "api-secret", path = "password" }
    error_message = "the key of the Secret becomes the file password"
  }
}

run "event_hubs" {
  command = plan

  variables {
    kafka                = { profile = "event-hubs", brokers = ["example.servicebus.windows.net:9093"] }
    kafka_secret         = { kubernetes = { name = "kafka" } }
    identity_annotations = { "azure.workload.identity/client-id" = "1" }
    identity_labels      = { "azure.workload.identity/use" = "true" }
  }

  assert {
    condition     = local.values.settings.kafka.security.username == "$ConnectionString" && !can(local.values.settings.kafka.compression)
    error_message = "a connection string, and no compression, which the Standard tier doesn't support"
  }
  assert {
    condition     = local.values.serviceAccount.annotations["azure.workload.identity/client-id"] == "1" && local.values.podLabels["azure.workload.identity/use"] == "true"
    error_message = "the identity's annotations and labels"
  }
}

run "autoscaling_and_ingress" {
  command = plan

  variables {
    autoscaling = { max = 12 }
    ingress     = { class_name = "nginx", host = "events.example.com", tls_secret = "tls" }
  }

  assert {
    condition     = local.values.autoscaling == { enabled = true, minReplicas = 2, maxReplicas = 12, cpuPercent = 70 }
    error_message = "autoscaling by CPU"
  }
  assert {
    condition     = local.values.ingress.enabled && local.values.ingress.host == "events.example.com" && local.values.ingress.tlsSecret == "tls"
    error_message = "the ingress"
  }
}

run "an_ingress_without_a_class" {
  command = plan

  variables {
    ingress = { host = "events.example.com" }
  }

  assert {
    condition     = !can(local.values.ingress.className)
    error_message = "inputs that are not given must not become values"
  }
}

run "a_balancer_that_asks_for_readiness" {
  command = plan

  variables {
    health_checkers = ["203.0.113.0/24"]
  }

  assert {
    condition     = jsonencode(local.values.networkPolicy.metricsFrom) == jsonencode([{ namespaceSelector = {} }, { ipBlock = { cidr = "203.0.113.0/24" } }])
    error_message = "it must be admitted, in addition to the cluster's pods"
  }
}

run "nobody_else_asks" {
  command = plan

  assert {
    condition     = length(local.values.networkPolicy.metricsFrom) == 0
    error_message = "the chart's default rule must apply"
  }
}

# Inputs that must be rejected.

run "an_unknown_profile" {
  command = plan
  variables { kafka = { profile = "kafka", brokers = ["b:9092"] } }
  expect_failures = [var.kafka]
}

run "the_port_of_another_way_to_log_in" {
  command = plan
  variables { kafka = { profile = "msk-iam", brokers = ["b-1.example:9096"], region = "eu-central-1" } }
  expect_failures = [var.kafka]
}

run "brokers_with_a_scheme" {
  command = plan
  variables { kafka = { profile = "plain", brokers = ["kafka://b:9092"] } }
  expect_failures = [var.kafka]
}

run "scram_without_a_user" {
  command = plan
  variables {
    kafka        = { profile = "msk-scram", brokers = ["b-1.example:9096"] }
    kafka_secret = { kubernetes = { name = "kafka" } }
  }
  expect_failures = [var.kafka]
}

run "iam_without_a_region" {
  command = plan
  variables { kafka = { profile = "msk-iam", brokers = ["b-1.example:9098"] } }
  expect_failures = [var.kafka]
}

run "scram_without_a_secret" {
  command = plan
  variables { kafka = { profile = "msk-scram", brokers = ["b-1.example:9096"], username = "ingestor" } }
  expect_failures = [var.kafka_secret]
}

run "a_secret_that_nothing_asks_for" {
  command = plan
  variables { kafka_secret = { kubernetes = { name = "kafka" } } }
  expect_failures = [var.kafka_secret]
}

run "two_sources_of_one_secret" {
  command = plan
  variables {
    kafka        = { profile = "confluent", brokers = ["pkc-1.example:9092"], username = "KEY" }
    kafka_secret = { kubernetes = { name = "kafka" }, store = { provider = "aws", parameters = {} } }
  }
  expect_failures = [var.kafka_secret]
}

run "event_hubs_by_two_brokers" {
  command = plan
  variables {
    kafka        = { profile = "event-hubs", brokers = ["a.servicebus.windows.net:9093", "b.servicebus.windows.net:9093"] }
    kafka_secret = { kubernetes = { name = "kafka" } }
  }
  expect_failures = [var.kafka]
}

run "dead_letters_into_the_topic_itself" {
  command = plan
  variables { kafka = { profile = "plain", brokers = ["b:9092"], dlq_topic = "events" } }
  expect_failures = [var.kafka]
}

run "an_image_without_a_version" {
  command = plan
  variables { image = { repository = "registry.example.com/event-ingestor" } }
  expect_failures = [var.image]
}

run "the_tag_latest" {
  command = plan
  variables { image = { repository = "registry.example.com/event-ingestor", tag = "latest" } }
  expect_failures = [var.image]
}

run "autoscaling_of_volumes" {
  command = plan
  variables {
    ack         = "wal"
    autoscaling = { max = 12 }
  }
  expect_failures = [var.autoscaling]
}

run "acks_that_a_lost_pod_breaks" {
  command = plan
  variables { ack = "memory" }
  expect_failures = [var.ack]
}

run "a_setting_that_the_chart_decides" {
  command = plan
  variables { settings = { "shutdown.timeout" = "60s" } }
  expect_failures = [var.settings]
}

run "a_setting_by_its_environment_name" {
  command = plan
  variables { settings = { QUEUE_SIZE = "1000000" } }
  expect_failures = [var.settings]
}

run "credentials_by_settings" {
  command = plan
  variables { settings = { "kafka.security.password" = "secret" } }
  expect_failures = [var.settings]
}

run "a_balancer_and_an_ingress" {
  command = plan
  variables {
    service = { type = "LoadBalancer" }
    ingress = { class_name = "nginx", host = "events.example.com" }
  }
  expect_failures = [var.service]
}

run "tls_of_the_pods" {
  command = plan

  variables {
    tls = { secret_name = "events-tls", client_auth = "required" }
  }

  assert {
    condition     = jsonencode(local.values.tls) == jsonencode({ clientAuth = "required", clientCaKey = "ca.crt", secretName = "events-tls" })
    error_message = "the Secret, and the CAs in it"
  }
  assert {
    condition     = local.values.service.port == 443
    error_message = "HTTPS has its usual port"
  }
}

run "a_certificate_of_cert_manager" {
  command = plan

  variables {
    tls     = { cert_manager = { issuer = { name = "internal" }, dns_names = ["events.example.com"] } }
    service = { port = 8443 }
  }

  assert {
    condition = jsonencode(local.values.tls.certManager) == jsonencode({
      issuer   = { name = "internal", kind = "Issuer" }
      dnsNames = ["events.example.com"]
    })
    error_message = "the chart makes the Certificate"
  }
  assert {
    condition     = !can(local.values.tls.secretName) && local.values.service.port == 8443
    error_message = "the chart names the Secret; a given port is used"
  }
}

run "without_tls_the_port_is_80" {
  command = plan

  assert {
    condition     = local.values.service.port == 80 && length(local.values.tls) == 0 && length(local.values.clientsSecret) == 0
    error_message = "plain HTTP"
  }
}

run "clients_of_a_secret" {
  command = plan

  variables {
    clients_secret = { name = "event-clients" }
    settings       = { "auth.methods" = "keys", "admin.auth" = "clients" }
  }

  assert {
    condition     = local.values.clientsSecret == tomap({ name = "event-clients", key = "clients.yaml" })
    error_message = "the file of the Secret"
  }
  assert {
    condition     = local.values.settings.auth.methods == "keys" && local.values.settings.admin.auth == "clients"
    error_message = "and who may read the metrics"
  }
}

run "a_clients_file_without_effect" {
  command = plan
  variables { clients_secret = { name = "event-clients" } }
  expect_failures = [var.clients_secret]
}

run "tls_without_a_certificate" {
  command = plan
  variables { tls = { client_auth = "required" } }
  expect_failures = [var.tls]
}

run "an_unknown_client_auth" {
  command = plan
  variables { tls = { secret_name = "events-tls", client_auth = "always" } }
  expect_failures = [var.tls]
}

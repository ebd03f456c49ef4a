# Tests how this cloud's inputs become the module's inputs.

mock_provider "aws" {
  mock_data "aws_eks_cluster" {
    defaults = { endpoint = "https://cluster.example.com", certificate_authority = [{ data = "Y2E=" }] }
  }
  mock_data "aws_ecr_repository" {
    defaults = { repository_url = "111122223333.dkr.ecr.eu-central-1.amazonaws.com/ingestor-test/event-ingestor" }
  }
}
mock_provider "helm" {}
mock_provider "kubernetes" {}

variables {
  name   = "ingestor-test"
  region = "eu-central-1"
  image  = { tag = "1.2.3" }
  kafka  = { profile = "msk-iam", brokers = ["b-1.example:9098"] }
}

run "msk_with_the_pods_role" {
  command = plan

  assert {
    condition     = yamldecode(module.event_ingestor.values).settings.kafka.security.aws_region == "eu-central-1"
    error_message = "MSK's region is this one unless another is given"
  }
  assert {
    condition     = yamldecode(module.event_ingestor.values).image.repository == data.aws_ecr_repository.this[0].repository_url
    error_message = "the image comes from the installation's registry"
  }
}

run "a_secret_of_secrets_manager" {
  command = plan

  variables {
    kafka        = { profile = "msk-scram", brokers = ["b-1.example:9096"], username = "ingestor" }
    kafka_secret = { secrets_manager = { arn = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:AmazonMSK_ingestor-AbCdEf", member = "password" } }
  }

  assert {
    condition = yamldecode(local.secret_objects) == [{
      objectName = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:AmazonMSK_ingestor-AbCdEf"
      jmesPath   = [{ path = "password", objectAlias = "password" }]
    }]
    error_message = "the member becomes the file password"
  }
}

run "a_secret_that_is_the_password" {
  command = plan

  variables {
    kafka        = { profile = "confluent", brokers = ["pkc-1.example:9092"], username = "KEY" }
    kafka_secret = { secrets_manager = { arn = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:confluent-AbCdEf" } }
  }

  assert {
    condition     = yamldecode(local.secret_objects) == [{ objectName = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:confluent-AbCdEf", objectAlias = "password" }]
    error_message = "the whole secret becomes the file password"
  }
}

run "encrypted_volumes" {
  command = plan

  variables {
    ack = "wal"
  }

  assert {
    condition     = kubernetes_storage_class_v1.wal[0].parameters.encrypted == "true"
    error_message = "volumes are encrypted"
  }
}

run "a_public_balancer_ends_tls" {
  command = plan

  variables {
    load_balancer = { reach = "public", certificate_arn = "arn:aws:acm:eu-central-1:111122223333:certificate/1" }
  }

  assert {
    condition     = yamldecode(module.event_ingestor.values).service.port == 443 && yamldecode(module.event_ingestor.values).service.annotations["service.beta.kubernetes.io/aws-load-balancer-ssl-ports"] == "*"
    error_message = "port 443 with the certificate"
  }
}

run "a_balancer_in_front_of_pods_with_tls" {
  command = plan

  variables {
    load_balancer = { reach = "public" }
    tls           = { secret_name = "events-tls", client_auth = "required" }
  }

  assert {
    condition     = yamldecode(module.event_ingestor.values).service.port == 443 && !can(yamldecode(module.event_ingestor.values).service.annotations["service.beta.kubernetes.io/aws-load-balancer-ssl-cert"])
    error_message = "TLS passes through to the pods"
  }
}

run "a_balancer_that_encrypts_again" {
  command = plan

  variables {
    load_balancer = { reach = "internal", certificate_arn = "arn:aws:acm:eu-central-1:111122223333:certificate/1" }
    tls           = { secret_name = "events-tls" }
  }

  assert {
    condition     = yamldecode(module.event_ingestor.values).service.annotations["service.beta.kubernetes.io/aws-load-balancer-backend-protocol"] == "ssl"
    error_message = "the pods expect TLS"
  }
}

run "client_certificates_behind_a_balancer_that_decrypts" {
  command = plan
  variables {
    load_balancer = { reach = "internal", certificate_arn = "arn:aws:acm:eu-central-1:111122223333:certificate/1" }
    tls           = { secret_name = "events-tls", client_auth = "required" }
  }
  expect_failures = [var.load_balancer]
}

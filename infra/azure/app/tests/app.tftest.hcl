# Tests how this cloud's inputs become the module's inputs.

mock_provider "azurerm" {
  mock_data "azurerm_kubernetes_cluster" {
    defaults = { kube_config = [{ host = "https://cluster.example.com", cluster_ca_certificate = "Y2E=", client_certificate = "", client_key = "", username = "", password = "" }] }
  }
  mock_data "azurerm_container_registry" {
    defaults = { login_server = "ingestortest.azurecr.io" }
  }
  mock_data "azurerm_user_assigned_identity" {
    defaults = { client_id = "55555555-5555-5555-5555-555555555555", tenant_id = "22222222-2222-2222-2222-222222222222" }
  }
}
mock_provider "helm" {}
mock_provider "kubernetes" {}

variables {
  name            = "ingestor-test"
  subscription_id = "00000000-0000-0000-0000-000000000000"
  registry        = "ingestortest"
  image           = { tag = "1.2.3" }
  kafka           = { profile = "event-hubs", brokers = ["example.servicebus.windows.net:9093"] }
  kafka_secret    = { key_vault = { vault = "ingestor-test", secret = "kafka-connection-string" } }
}

run "a_secret_of_key_vault_by_workload_identity" {
  command = plan

  assert {
    condition     = yamldecode(yamldecode(local.vault_objects).array[0]) == { objectName = "kafka-connection-string", objectType = "secret", objectAlias = "password" }
    error_message = "the secret becomes the file password"
  }
  assert {
    condition     = yamldecode(module.event_ingestor.values).serviceAccount.annotations["azure.workload.identity/client-id"] == "55555555-5555-5555-5555-555555555555" && yamldecode(module.event_ingestor.values).podLabels["azure.workload.identity/use"] == "true"
    error_message = "the pods have the ingestor's identity"
  }
  assert {
    condition     = yamldecode(module.event_ingestor.values).image.repository == "ingestortest.azurecr.io/event-ingestor"
    error_message = "the image comes from the installation's registry"
  }
}

run "volumes_without_a_host_cache" {
  command = plan

  variables {
    ack = "wal"
  }

  assert {
    condition     = kubernetes_storage_class_v1.wal[0].parameters.cachingMode == "None"
    error_message = "a sync must reach the disk"
  }
}

run "an_internal_balancer" {
  command = plan

  variables {
    load_balancer = { reach = "internal" }
  }

  assert {
    condition     = yamldecode(module.event_ingestor.values).service.annotations["service.beta.kubernetes.io/azure-load-balancer-internal"] == "true"
    error_message = "inside the network"
  }
}

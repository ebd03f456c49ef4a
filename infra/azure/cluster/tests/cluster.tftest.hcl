# Properties of the cluster that hold for all inputs, and the effects of inputs.

mock_provider "azurerm" {
  mock_data "azurerm_client_config" {
    defaults = { tenant_id = "22222222-2222-2222-2222-222222222222" }
  }
  mock_resource "azurerm_user_assigned_identity" {
    defaults = {
      id           = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/x/providers/Microsoft.ManagedIdentity/userAssignedIdentities/x"
      principal_id = "33333333-3333-3333-3333-333333333333"
      client_id    = "44444444-4444-4444-4444-444444444444"
    }
  }
  mock_resource "azurerm_subnet" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/x/providers/Microsoft.Network/virtualNetworks/x/subnets/x" }
  }
  mock_resource "azurerm_virtual_network" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/x/providers/Microsoft.Network/virtualNetworks/x" }
  }
  mock_resource "azurerm_network_security_group" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/x/providers/Microsoft.Network/networkSecurityGroups/x" }
  }
  mock_resource "azurerm_nat_gateway" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/x/providers/Microsoft.Network/natGateways/x" }
  }
  mock_resource "azurerm_public_ip" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/x/providers/Microsoft.Network/publicIPAddresses/x", ip_address = "203.0.114.5" }
  }
  mock_resource "azurerm_private_dns_zone" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/x/providers/Microsoft.Network/privateDnsZones/privatelink.servicebus.windows.net" }
  }
  mock_resource "azurerm_container_registry" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/x/providers/Microsoft.ContainerRegistry/registries/x" }
  }
  mock_resource "azurerm_key_vault" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/x/providers/Microsoft.KeyVault/vaults/x" }
  }
  mock_resource "azurerm_log_analytics_workspace" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/x/providers/Microsoft.OperationalInsights/workspaces/x" }
  }
  mock_resource "azurerm_kubernetes_cluster" {
    defaults = {
      id              = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/x/providers/Microsoft.ContainerService/managedClusters/x"
      oidc_issuer_url = "https://issuer.example.com/"
    }
  }
}

variables {
  name            = "ingestor-test"
  subscription_id = "00000000-0000-0000-0000-000000000000"
  location        = "germanywestcentral"
  admin_group_ids = ["11111111-1111-1111-1111-111111111111"]
  registry        = { name = "ingestortest" }
}

run "nothing_is_open_by_default" {
  assert {
    condition     = azurerm_kubernetes_cluster.this.private_cluster_enabled && !azurerm_kubernetes_cluster.this.private_cluster_public_fqdn_enabled && !azurerm_kubernetes_cluster.this.run_command_enabled
    error_message = "the API must be reachable from inside only"
  }
  assert {
    condition     = azurerm_kubernetes_cluster.this.local_account_disabled && azurerm_kubernetes_cluster.this.azure_active_directory_role_based_access_control[0].azure_rbac_enabled
    error_message = "access to the cluster must be controlled by Entra"
  }
  assert {
    condition     = azurerm_kubernetes_cluster.this.workload_identity_enabled && azurerm_kubernetes_cluster.this.oidc_issuer_enabled
    error_message = "pods must have their own identities"
  }
  assert {
    condition     = azurerm_kubernetes_cluster.this.network_profile[0].network_policy == "cilium"
    error_message = "NetworkPolicy is enforced"
  }
  assert {
    condition     = azurerm_kubernetes_cluster.this.network_profile[0].outbound_type == "userAssignedNATGateway" && !azurerm_subnet.nodes.default_outbound_access_enabled
    error_message = "outgoing traffic must use the NAT gateway"
  }
  assert {
    condition     = !azurerm_container_registry.this.admin_enabled && !azurerm_container_registry.this.anonymous_pull_enabled && azurerm_role_assignment.pull.role_definition_name == "AcrPull"
    error_message = "the registry knows identities, and nodes only pull"
  }
  assert {
    condition     = azurerm_role_assignment.cluster_network.scope == azurerm_subnet.nodes.id
    error_message = "the cluster's rights end at its subnet"
  }
  assert {
    condition     = length(azurerm_key_vault.this) == 0 && length(azurerm_private_endpoint.event_hubs) == 0
    error_message = "no vault and no endpoint unless requested"
  }
}

run "all_zones" {
  command = plan

  assert {
    condition     = length(azurerm_kubernetes_cluster.this.default_node_pool[0].zones) == 3 && length(azurerm_kubernetes_cluster_node_pool.events.zones) == 3
    error_message = "both pools in three zones"
  }
  assert {
    condition     = azurerm_kubernetes_cluster.this.default_node_pool[0].only_critical_addons_enabled
    error_message = "the ingestor doesn't crowd Kubernetes' own pods"
  }
  assert {
    condition     = length(distinct([one(azurerm_subnet.nodes.address_prefixes), one(azurerm_subnet.endpoints.address_prefixes)])) == 2
    error_message = "two different subnets"
  }
}

run "the_identity_is_for_one_service_account" {
  command = plan

  assert {
    condition     = azurerm_federated_identity_credential.ingestor.subject == "system:serviceaccount:event-ingestor:event-ingestor"
    error_message = "another pod can't have the identity"
  }
}

run "a_vault_that_only_the_cluster_and_writers_reach" {
  command = plan

  variables {
    key_vault = { name = "ingestor-test", writers = ["11111111-1111-1111-1111-111111111111"] }
  }

  assert {
    condition     = azurerm_key_vault.this[0].network_acls[0].default_action == "Deny" && azurerm_key_vault.this[0].purge_protection_enabled && azurerm_key_vault.this[0].rbac_authorization_enabled
    error_message = "the vault must be closed and protected against deletion"
  }
  assert {
    condition     = azurerm_role_assignment.secret_readers[0].role_definition_name == "Key Vault Secrets User" && length(azurerm_role_assignment.secret_writers) == 1
    error_message = "the ingestor reads, the named one writes"
  }
}

run "event_hubs_by_a_private_endpoint" {
  command = plan

  variables {
    event_hubs_namespace_id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/events/providers/Microsoft.EventHub/namespaces/example"
  }

  assert {
    condition     = azurerm_private_dns_zone.event_hubs[0].name == "privatelink.servicebus.windows.net" && azurerm_private_endpoint.event_hubs[0].private_service_connection[0].subresource_names[0] == "namespace"
    error_message = "the namespace's name has a private address"
  }
}

run "premium_registry" {
  command = plan

  variables {
    registry = { name = "ingestortest", sku = "Premium" }
  }

  assert {
    condition     = azurerm_container_registry.this.zone_redundancy_enabled && azurerm_container_registry.this.retention_policy_in_days == 7
    error_message = "what Premium adds"
  }
}

run "the_api_for_the_office" {
  variables {
    api_allowed_cidrs = ["203.0.113.0/24"]
  }

  assert {
    condition     = !azurerm_kubernetes_cluster.this.private_cluster_enabled && toset(azurerm_kubernetes_cluster.this.api_server_access_profile[0].authorized_ip_ranges) == toset(["203.0.113.0/24", "203.0.114.5/32"])
    error_message = "those addresses and the nodes' own way out, no others"
  }
}

run "the_api_for_a_vpn" {
  command = plan

  variables {
    api_allowed_cidrs = ["10.8.0.0/16"]
  }

  assert {
    condition     = azurerm_kubernetes_cluster.this.private_cluster_enabled && length(azurerm_kubernetes_cluster.this.api_server_access_profile) == 0
    error_message = "private addresses make no public cluster"
  }
}

# Inputs that must be rejected; each of the named ones must be. A run takes about a second, so they share one.

run "open_ownerless_and_in_one_zone" {
  command = plan

  variables {
    api_allowed_cidrs = ["0.0.0.0/0"]
    admin_group_ids   = []
    zones             = ["1"]
  }
  expect_failures = [var.api_allowed_cidrs, var.admin_group_ids, var.zones]
}

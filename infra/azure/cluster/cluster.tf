resource "azurerm_kubernetes_cluster" "this" {
  # checkov:skip=CKV_AZURE_4:logs.tf sends the control plane's logs; the agent for container logs is a separate option, billed by the gigabyte
  # checkov:skip=CKV_AZURE_117:disks are encrypted with the platform's keys, and at the host where host_encryption is set
  # checkov:skip=CKV_AZURE_226:ephemeral unless system_nodes.ephemeral_disk says no, for sizes without room for it
  name                = var.name
  resource_group_name = azurerm_resource_group.this.name
  node_resource_group = "${var.name}-nodes"
  location            = azurerm_resource_group.this.location
  dns_prefix          = var.name
  kubernetes_version  = var.kubernetes_version
  sku_tier            = var.sku_tier
  tags                = local.tags

  automatic_upgrade_channel = "patch"
  node_os_upgrade_channel   = "NodeImage"

  private_cluster_enabled             = length(local.api_cidrs.outside) == 0
  private_cluster_public_fqdn_enabled = false
  run_command_enabled                 = false # it would bypass the API's access rules

  local_account_disabled            = true
  role_based_access_control_enabled = true
  oidc_issuer_enabled               = true
  workload_identity_enabled         = true
  azure_policy_enabled              = true
  image_cleaner_enabled             = true
  image_cleaner_interval_hours      = 168

  dynamic "api_server_access_profile" {
    for_each = length(local.api_cidrs.outside) > 0 ? [local.api_cidrs.outside] : []

    content {
      # Nodes reach a public API server through the NAT gateway too: it has no other address.
      authorized_ip_ranges = concat(api_server_access_profile.value, ["${azurerm_public_ip.nat.ip_address}/32"])
    }
  }

  azure_active_directory_role_based_access_control {
    tenant_id              = data.azurerm_client_config.current.tenant_id
    admin_group_object_ids = var.admin_group_ids
    azure_rbac_enabled     = true
  }

  identity {
    type         = "UserAssigned"
    identity_ids = [azurerm_user_assigned_identity.cluster.id]
  }

  kubelet_identity {
    client_id                 = azurerm_user_assigned_identity.nodes.client_id
    object_id                 = azurerm_user_assigned_identity.nodes.principal_id
    user_assigned_identity_id = azurerm_user_assigned_identity.nodes.id
  }

  default_node_pool {
    name                         = "system"
    vm_size                      = var.system_nodes.vm_size
    node_count                   = var.system_nodes.count
    zones                        = var.zones
    vnet_subnet_id               = azurerm_subnet.nodes.id
    os_sku                       = "AzureLinux"
    os_disk_type                 = var.system_nodes.ephemeral_disk ? "Ephemeral" : "Managed"
    os_disk_size_gb              = 64
    max_pods                     = 60
    host_encryption_enabled      = var.host_encryption
    only_critical_addons_enabled = true
    temporary_name_for_rotation  = "systemtmp"
    tags                         = local.tags

    upgrade_settings {
      max_surge = "1"
    }
  }

  network_profile {
    network_plugin      = "azure"
    network_plugin_mode = "overlay"
    network_data_plane  = "cilium" # enforces NetworkPolicy
    network_policy      = "cilium"
    load_balancer_sku   = "standard"
    outbound_type       = "userAssignedNATGateway"
    pod_cidr            = "10.244.0.0/16"
    service_cidr        = "10.245.0.0/16"
    dns_service_ip      = "10.245.0.10"
  }

  # Mounts secrets of Key Vault as files and updates them after a rotation.
  key_vault_secrets_provider {
    secret_rotation_enabled  = true
    secret_rotation_interval = "2m"
  }

  # Upgrades on Monday and Tuesday nights.
  maintenance_window_auto_upgrade {
    frequency   = "Weekly"
    interval    = 1
    day_of_week = "Monday"
    start_time  = "02:00"
    duration    = 4
    utc_offset  = "+00:00"
  }

  maintenance_window_node_os {
    frequency   = "Weekly"
    interval    = 1
    day_of_week = "Tuesday"
    start_time  = "02:00"
    duration    = 4
    utc_offset  = "+00:00"
  }

  node_provisioning_profile {
    mode = "Manual" # nodes.tf defines the pools
  }

  depends_on = [
    azurerm_role_assignment.cluster_network,
    azurerm_role_assignment.cluster_nodes_identity,
    azurerm_role_assignment.pull,
    azurerm_subnet_nat_gateway_association.nodes,
    azurerm_nat_gateway_public_ip_association.this,
  ]
}

resource "azurerm_kubernetes_cluster_node_pool" "events" {
  name                  = "events"
  kubernetes_cluster_id = azurerm_kubernetes_cluster.this.id
  orchestrator_version  = var.kubernetes_version

  vm_size                     = var.nodes.vm_size
  zones                       = var.zones
  vnet_subnet_id              = azurerm_subnet.nodes.id
  os_sku                      = "AzureLinux"
  os_disk_type                = var.nodes.ephemeral_disk ? "Ephemeral" : "Managed"
  os_disk_size_gb             = var.nodes.disk_gib
  max_pods                    = 60
  host_encryption_enabled     = var.host_encryption
  temporary_name_for_rotation = "eventstmp"
  tags                        = local.tags

  auto_scaling_enabled = true
  min_count            = var.nodes.min
  max_count            = var.nodes.max

  upgrade_settings {
    max_surge = "1"
  }

  lifecycle {
    # Changed by the autoscaler and by automatic patch upgrades.
    ignore_changes = [node_count, node_taints, node_labels]
  }
}

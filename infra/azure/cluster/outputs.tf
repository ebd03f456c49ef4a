output "cluster_name" {
  description = "Name of the cluster, which the app root takes as name."
  value       = azurerm_kubernetes_cluster.this.name
}

output "kubeconfig_command" {
  description = "Command that lets kubectl reach the cluster."
  value       = "az aks get-credentials --resource-group ${azurerm_resource_group.this.name} --name ${azurerm_kubernetes_cluster.this.name} && kubelogin convert-kubeconfig -l azurecli"
}

output "repository_url" {
  description = "The repository to push the image to."
  value       = "${azurerm_container_registry.this.login_server}/event-ingestor"
}

output "ingestor_client_id" {
  description = "Client id of the ingestor's identity."
  value       = azurerm_user_assigned_identity.ingestor.client_id
}

output "vnet_id" {
  description = "Virtual network of the cluster, to peer with Kafka's."
  value       = azurerm_virtual_network.this.id
}

output "nodes_subnet_id" {
  description = "Subnet of the nodes: for a service endpoint rule of Event Hubs."
  value       = azurerm_subnet.nodes.id
}

output "nat_addresses" {
  description = "Public addresses that the cluster's traffic comes from, for the allow list of a Kafka that is reached over the internet."
  value       = [azurerm_public_ip.nat.ip_address]
}

# With a private endpoint the namespace's public name has a private address inside this network; clients need no change.

resource "azurerm_private_endpoint" "event_hubs" {
  count = var.event_hubs_namespace_id == null ? 0 : 1

  name                = "${var.name}-event-hubs"
  resource_group_name = azurerm_resource_group.this.name
  location            = azurerm_resource_group.this.location
  subnet_id           = azurerm_subnet.endpoints.id
  tags                = local.tags

  private_service_connection {
    name                           = "event-hubs"
    private_connection_resource_id = var.event_hubs_namespace_id
    subresource_names              = ["namespace"]
    is_manual_connection           = false
  }

  private_dns_zone_group {
    name                 = "event-hubs"
    private_dns_zone_ids = [azurerm_private_dns_zone.event_hubs[0].id]
  }
}

resource "azurerm_private_dns_zone" "event_hubs" {
  count = var.event_hubs_namespace_id == null ? 0 : 1

  name                = "privatelink.servicebus.windows.net"
  resource_group_name = azurerm_resource_group.this.name
  tags                = local.tags
}

resource "azurerm_private_dns_zone_virtual_network_link" "event_hubs" {
  count = var.event_hubs_namespace_id == null ? 0 : 1

  name                = var.name
  private_dns_zone_id = azurerm_private_dns_zone.event_hubs[0].id
  virtual_network_id  = azurerm_virtual_network.this.id
  tags                = local.tags
}

# Three zones, the API inside the network, Event Hubs by a private endpoint, its connection string in Key Vault.
name            = "ingestor-prod"
subscription_id = "00000000-0000-0000-0000-000000000000" # yours
location        = "germanywestcentral"
admin_group_ids = ["11111111-1111-1111-1111-111111111111"] # yours

tags = {
  Environment = "production"
  CostCentre  = "events"
}

registry = {
  name = "ingestorprod" # unique in all of Azure
  sku  = "Premium"
}

nodes = {
  vm_size = "Standard_D4ds_v5"
  min     = 3
  max     = 12
}

key_vault = {
  name    = "ingestor-prod"                          # unique in all of Azure
  writers = ["11111111-1111-1111-1111-111111111111"] # yours
}

event_hubs_namespace_id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/events/providers/Microsoft.EventHub/namespaces/example" # yours

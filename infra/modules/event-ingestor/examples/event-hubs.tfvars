# Azure Event Hubs with a connection string that comes from Key Vault by the pods' workload identity.
image = {
  repository = "ingestorprod.azurecr.io/event-ingestor"
  tag        = "1.2.3"
}
kafka = {
  profile = "event-hubs"
  brokers = ["example.servicebus.windows.net:9093"]
}
kafka_secret = {
  store = {
    provider = "azure"
    parameters = {
      clientID     = "11111111-1111-1111-1111-111111111111"
      keyvaultName = "ingestor-prod"
      tenantId     = "00000000-0000-0000-0000-000000000000"
      objects      = "array: []"
    }
  }
}
identity_annotations = { "azure.workload.identity/client-id" = "11111111-1111-1111-1111-111111111111" }
identity_labels      = { "azure.workload.identity/use" = "true" }

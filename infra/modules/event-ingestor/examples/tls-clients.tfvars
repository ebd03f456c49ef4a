# Pods with TLS, and clients with API keys or certificates. cert-manager makes the certificate; a Secret that another component
# creates holds the clients file (docs/CLIENTS.md).
image = { repository = "registry.example.com/event-ingestor", tag = "1.2.3" }
kafka = { profile = "plain", brokers = ["kafka.kafka.svc:9092"] }
tls = {
  cert_manager     = { issuer = { name = "internal", kind = "ClusterIssuer" }, dns_names = ["events.example.com"] }
  client_auth      = "optional"
  client_ca_secret = "clients-ca"
}
clients_secret   = { name = "event-clients" }
settings         = { "auth.methods" = "keys,mtls", "admin.auth" = "clients" }
create_namespace = false

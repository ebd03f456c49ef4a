# A broker of the same cluster, without security: for trying things out.
image = {
  repository = "registry.example.com/event-ingestor"
  tag        = "1.2.3"
}
replicas = 1
kafka = {
  profile = "plain"
  brokers = ["kafka.kafka.svc:9092"]
}

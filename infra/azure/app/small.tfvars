# For azure/cluster/small.tfvars: two replicas, no volumes, Event Hubs, reached from inside the network.
name            = "ingestor-small"
subscription_id = "00000000-0000-0000-0000-000000000000" # yours
registry        = "ingestorsmall"                        # yours

image    = { tag = "0.1.0" } # what you pushed
replicas = 2

kafka = {
  profile = "event-hubs"
  brokers = ["example.servicebus.windows.net:9093"] # yours
}

# kubectl create namespace event-ingestor
# kubectl label namespace event-ingestor pod-security.kubernetes.io/enforce=restricted
# kubectl -n event-ingestor create secret generic kafka --from-file=password=/dev/stdin
create_namespace = false
kafka_secret = {
  kubernetes = { name = "kafka" }
}

load_balancer = { reach = "internal" }

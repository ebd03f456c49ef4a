# For gcp/cluster/small.tfvars: two replicas, no volumes, Confluent Cloud, reached from inside the network.
name    = "ingestor-small"
project = "events-try-1" # yours
region  = "europe-west3"

image    = { tag = "0.1.0" } # what you pushed
replicas = 2

kafka = {
  profile  = "confluent"
  brokers  = ["pkc-abc12.europe-west3.gcp.confluent.cloud:9092"] # yours
  username = "ABCDEFGHIJKLMNOP"                                  # the API key
}

# kubectl create namespace event-ingestor
# kubectl label namespace event-ingestor pod-security.kubernetes.io/enforce=restricted
# kubectl -n event-ingestor create secret generic kafka --from-file=password=/dev/stdin
create_namespace = false
kafka_secret = {
  kubernetes = { name = "kafka" }
}

load_balancer = { reach = "internal" }

# For aws/cluster/small.tfvars: two replicas, no volumes, Confluent Cloud, reached from inside the VPC.
name   = "ingestor-small"
region = "eu-central-1"

image    = { tag = "0.1.0" } # what you pushed
replicas = 2

kafka = {
  profile  = "confluent"
  brokers  = ["pkc-abc12.eu-central-1.aws.confluent.cloud:9092"] # yours
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

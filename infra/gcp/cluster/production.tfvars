# Three zones, the API inside the network, the Kafka password in Secret Manager.
name    = "ingestor-prod"
project = "events-prod-1" # yours
region  = "europe-west3"
zones   = ["europe-west3-a", "europe-west3-b", "europe-west3-c"]

labels = {
  environment = "production"
  cost-centre = "events"
}

release_channel = "STABLE"

nodes = {
  machine_type = "n2d-standard-4"
  min          = 1
  max          = 4
}

kafka_secret = "kafka-password"

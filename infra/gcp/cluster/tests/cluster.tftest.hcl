# Properties of the cluster that hold for all inputs, and the effects of inputs.

mock_provider "google" {
  mock_data "google_project" {
    defaults = { number = "123456789012" }
  }
  mock_resource "google_service_account" {
    defaults = { email = "nodes@events-test-1.iam.gserviceaccount.com", member = "serviceAccount:nodes@events-test-1.iam.gserviceaccount.com" }
  }
}

variables {
  name    = "ingestor-test"
  project = "events-test-1"
  region  = "europe-west3"
  zones   = ["europe-west3-a", "europe-west3-b", "europe-west3-c"]
}

run "nothing_is_open_by_default" {
  assert {
    condition     = google_container_cluster.this.private_cluster_config[0].enable_private_nodes && google_container_cluster.this.private_cluster_config[0].enable_private_endpoint
    error_message = "neither nodes nor API have public addresses"
  }
  assert {
    condition     = length(google_container_cluster.this.master_authorized_networks_config[0].cidr_blocks) == 0 && !google_container_cluster.this.master_authorized_networks_config[0].gcp_public_cidrs_access_enabled
    error_message = "the API must not be reachable from outside, including other customers of Google Cloud"
  }
  assert {
    condition     = google_container_cluster.this.database_encryption[0].state == "ENCRYPTED" && google_kms_crypto_key.this.rotation_period != null
    error_message = "secrets are encrypted with a key that is rotated"
  }
  assert {
    condition     = google_container_cluster.this.workload_identity_config[0].workload_pool == "events-test-1.svc.id.goog" && google_container_node_pool.this[0].node_config[0].workload_metadata_config[0].mode == "GKE_METADATA"
    error_message = "pods must have their own identities, not the node's"
  }
  assert {
    condition     = google_container_cluster.this.datapath_provider == "ADVANCED_DATAPATH"
    error_message = "NetworkPolicy is enforced"
  }
  assert {
    condition     = google_container_node_pool.this[0].node_config[0].shielded_instance_config[0].enable_secure_boot && google_container_node_pool.this[0].node_config[0].service_account == google_service_account.nodes.email
    error_message = "nodes are shielded and run as their own account"
  }
  assert {
    condition     = google_artifact_registry_repository.this.docker_config[0].immutable_tags
    error_message = "tags don't move"
  }
  assert {
    condition     = length(google_secret_manager_secret_iam_member.kafka) == 0
    error_message = "no rights unless requested"
  }
  assert {
    condition     = google_container_cluster.this.deletion_protection
    error_message = "a cluster isn't destroyed by mistake"
  }
}

run "standard_in_all_zones" {
  command = plan

  assert {
    condition     = google_container_cluster.this.location == "europe-west3" && length(google_container_node_pool.this[0].node_locations) == 3
    error_message = "control plane and nodes in three zones"
  }
  assert {
    condition     = google_container_node_pool.this[0].autoscaling[0].min_node_count == 1 && google_container_node_pool.this[0].autoscaling[0].max_node_count == 3
    error_message = "the autoscaler's bounds, per zone"
  }
  assert {
    condition     = google_container_cluster.this.remove_default_node_pool && google_container_cluster.this.enable_autopilot == null
    error_message = "only our pool"
  }
}

run "autopilot" {
  variables {
    autopilot = true
  }

  assert {
    condition     = google_container_cluster.this.enable_autopilot && length(google_container_node_pool.this) == 0
    error_message = "Google runs the nodes"
  }
  assert {
    condition     = google_container_cluster.this.cluster_autoscaling[0].auto_provisioning_defaults[0].service_account == google_service_account.nodes.email
    error_message = "nodes that Google makes don't run as the project's default account"
  }
  assert {
    condition     = google_container_cluster.this.private_cluster_config[0].enable_private_nodes
    error_message = "nodes are private here too"
  }
}

run "the_secret_for_one_service_account" {
  command = plan

  variables {
    kafka_secret = "kafka-password"
  }

  assert {
    condition     = google_secret_manager_secret_iam_member.kafka[0].role == "roles/secretmanager.secretAccessor" && endswith(google_secret_manager_secret_iam_member.kafka[0].member, "/workloadIdentityPools/events-test-1.svc.id.goog/subject/ns/event-ingestor/sa/event-ingestor")
    error_message = "to read one secret, for one service account"
  }
}

run "the_api_for_the_office" {
  command = plan

  variables {
    api_allowed_cidrs = ["203.0.113.0/24"]
  }

  assert {
    condition     = !google_container_cluster.this.private_cluster_config[0].enable_private_endpoint && one(google_container_cluster.this.master_authorized_networks_config[0].cidr_blocks).cidr_block == "203.0.113.0/24"
    error_message = "those addresses, no others"
  }
}

run "the_api_for_a_vpn" {
  command = plan

  variables {
    api_allowed_cidrs = ["10.8.0.0/16"]
  }

  assert {
    condition     = google_container_cluster.this.private_cluster_config[0].enable_private_endpoint && one(google_container_cluster.this.master_authorized_networks_config[0].cidr_blocks).cidr_block == "10.8.0.0/16"
    error_message = "the private endpoint must admit private addresses, without a public endpoint"
  }
}

run "the_api_for_everyone" {
  command = plan
  variables {
    api_allowed_cidrs = ["0.0.0.0/0"]
  }
  expect_failures = [var.api_allowed_cidrs]
}

run "a_zone_as_region" {
  command = plan
  variables {
    region = "europe-west3-a"
  }
  expect_failures = [var.region]
}

run "one_zone" {
  command = plan
  variables {
    zones = ["europe-west3-a"]
  }
  expect_failures = [var.zones]
}

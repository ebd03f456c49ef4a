resource "google_container_cluster" "this" {
  # checkov:skip=CKV_GCP_12:ADVANCED_DATAPATH enforces NetworkPolicy and rejects the older setting
  # checkov:skip=CKV_GCP_65:groups for RBAC need a domain of Workspace or Cloud Identity with a group of a fixed name
  # checkov:skip=CKV_GCP_66:an attestor and a signing step belong to a delivery pipeline, which is not part of this
  # checkov:skip=CKV_GCP_68:can't read a dynamic block; the tests check the pool of nodes.tf
  # checkov:skip=CKV_GCP_69:as above
  # checkov:skip=CKV_GCP_72:as above
  name     = var.name
  location = var.region # a region: three control planes

  network            = google_compute_network.this.id
  subnetwork         = google_compute_subnetwork.nodes.id
  min_master_version = var.kubernetes_version

  enable_autopilot = var.autopilot ? true : null
  node_locations   = var.autopilot ? null : var.zones

  # Standard: the default pool, which GKE requires, is removed at once; nodes.tf defines the pool in use.
  remove_default_node_pool = var.autopilot ? null : true
  initial_node_count       = var.autopilot ? null : 1

  deletion_protection         = var.deletion_protection
  enable_legacy_abac          = false
  enable_intranode_visibility = var.autopilot ? null : true
  enable_shielded_nodes       = var.autopilot ? null : true
  datapath_provider           = var.autopilot ? null : "ADVANCED_DATAPATH" # enforces NetworkPolicy; Autopilot has it anyway
  resource_labels             = local.labels

  release_channel {
    channel = var.release_channel
  }

  maintenance_policy {
    daily_maintenance_window {
      start_time = var.maintenance_start
    }
  }

  ip_allocation_policy {
    cluster_secondary_range_name  = "pods"
    services_secondary_range_name = "services"
  }

  private_cluster_config {
    enable_private_nodes    = true
    enable_private_endpoint = length(local.api_cidrs.outside) == 0
  }

  master_authorized_networks_config {
    gcp_public_cidrs_access_enabled = false

    dynamic "cidr_blocks" {
      for_each = toset(var.api_allowed_cidrs)

      content {
        cidr_block = cidr_blocks.key
      }
    }
  }

  master_auth {
    client_certificate_config {
      issue_client_certificate = false
    }
  }

  database_encryption {
    state    = "ENCRYPTED"
    key_name = google_kms_crypto_key.this.id
  }

  workload_identity_config {
    workload_pool = "${var.project}.svc.id.goog"
  }

  # Mounts secrets of Secret Manager as files and updates them after a rotation.
  secret_manager_config {
    enabled = true

    rotation_config {
      enabled           = true
      rotation_interval = "120s"
    }
  }

  logging_config {
    enable_components = ["SYSTEM_COMPONENTS", "WORKLOADS", "APISERVER", "CONTROLLER_MANAGER", "SCHEDULER"]
  }

  monitoring_config {
    enable_components = ["SYSTEM_COMPONENTS"]

    managed_prometheus {
      enabled = true
    }
  }

  security_posture_config {
    mode               = "BASIC"
    vulnerability_mode = "VULNERABILITY_DISABLED" # the registry scans
  }

  # The account of nodes created by Autopilot or by GKE itself; the default would be the project's default account with too many rights.
  dynamic "cluster_autoscaling" {
    for_each = var.autopilot ? [true] : []

    content {
      auto_provisioning_defaults {
        service_account = google_service_account.nodes.email
        oauth_scopes    = ["https://www.googleapis.com/auth/cloud-platform"]
      }
    }
  }

  # Only used while the default pool exists.
  dynamic "node_config" {
    for_each = var.autopilot ? [] : [{ service_account = google_service_account.nodes.email }]

    content {
      service_account = node_config.value.service_account

      shielded_instance_config {
        enable_secure_boot          = true
        enable_integrity_monitoring = true
      }

      workload_metadata_config {
        mode = "GKE_METADATA"
      }
    }
  }

  lifecycle {
    ignore_changes = [
      node_config,        # the removed pool's
      min_master_version, # changed by the release channel; raise kubernetes_version only for a new cluster
    ]
  }

  depends_on = [
    google_kms_crypto_key_iam_member.gke,
    google_project_iam_member.nodes,
  ]
}

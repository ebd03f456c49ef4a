# Tests of the app roots' shared files. tools/infra.sh runs them in each app root, with the mocks and variables of its own tests.

run "volumes_that_outlive_their_claims" {
  command = plan

  variables {
    ack = "wal"
  }

  assert {
    condition     = kubernetes_storage_class_v1.wal[0].reclaim_policy == "Retain" && kubernetes_storage_class_v1.wal[0].volume_binding_mode == "WaitForFirstConsumer"
    error_message = "in the pod's zone, and kept"
  }
  assert {
    condition     = yamldecode(module.event_ingestor.values).persistence == { size = "${local.cloud.disk.size_gib}Gi", storageClass = kubernetes_storage_class_v1.wal[0].metadata[0].name }
    error_message = "the chart's claims are of that class, and of the cloud's size"
  }
}

run "no_access_from_outside_unless_requested" {
  command = plan

  assert {
    condition     = length(kubernetes_storage_class_v1.wal) == 0 && output.endpoint == null
    error_message = "neither volumes nor a balancer"
  }
}

run "an_image_of_another_registry" {
  command = plan

  variables {
    image = { repository = "registry.example.com/event-ingestor", tag = "1.2.3" }
  }

  assert {
    condition     = yamldecode(module.event_ingestor.values).image.repository == "registry.example.com/event-ingestor"
    error_message = "a named repository is used"
  }
}

run "a_public_balancer_without_tls" {
  command = plan
  variables {
    load_balancer = { reach = "public" }
  }
  expect_failures = [var.load_balancer]
}

run "acks_that_a_lost_pod_breaks" {
  command = plan
  variables {
    ack = "memory"
  }
  expect_failures = [var.ack]
}

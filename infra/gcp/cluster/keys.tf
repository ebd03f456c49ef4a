# One key for the stored data of this installation: Kubernetes secrets. A key ring can't be deleted, only its keys' versions; a
# second installation of the same name in the same region would collide with it, hence the random suffix of its name.

resource "google_kms_key_ring" "this" {
  name     = "${var.name}-${terraform_data.key_ring.output}"
  location = var.region

  depends_on = [google_project_service.this]
}

resource "terraform_data" "key_ring" {
  input = substr(sha256(plantimestamp()), 0, 6)

  lifecycle {
    ignore_changes = [input]
  }
}

resource "google_kms_crypto_key" "this" {
  # checkov:skip=CKV_GCP_82:a teardown destroys its versions 30 days later, until when they can be restored
  name                       = "installation"
  key_ring                   = google_kms_key_ring.this.id
  rotation_period            = "7776000s" # 90 days
  destroy_scheduled_duration = "2592000s" # for 30 days an accidental teardown can be undone
}

resource "google_kms_crypto_key_iam_member" "gke" {
  crypto_key_id = google_kms_crypto_key.this.id
  role          = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
  member        = "serviceAccount:service-${data.google_project.this.number}@container-engine-robot.iam.gserviceaccount.com"

  depends_on = [google_project_service.this] # enabling the API creates the agent
}

# The bucket must exist before Terraform can store its state in it. scripts/deploy/infra_setup.sh
# creates the bucket, and the first run imports it.
import {
  to = google_storage_bucket.state
  id = "${var.project_id}/${var.state_bucket}"
}

resource "google_storage_bucket" "state" {
  # checkov:skip=CKV_GCP_62:Data-access audit logs say more than a bucket's usage logs, and need no second bucket.
  name     = var.state_bucket
  location = upper(var.region)

  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = false

  # An overwritten state can be restored.
  versioning {
    enabled = true
  }

  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      num_newer_versions         = 20
      days_since_noncurrent_time = 90
    }
  }

  lifecycle {
    prevent_destroy = true
  }
}

# Conditions that restrict a grant to the state of one environment.
locals {
  state_of = {
    for environment in var.environments : environment => join(" || ", [
      "resource.name.startsWith('projects/_/buckets/${var.state_bucket}/objects/environment/${environment}/')",
      # Allows listing the objects, which Terraform does before it reads them.
      "api.getAttribute('storage.googleapis.com/objectListPrefix', '').startsWith('environment/${environment}/')",
    ])
  }
}

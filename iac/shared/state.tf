# The bucket must exist before Terraform can keep its state there: scripts/deploy/infra_setup.sh makes it,
# and the first run adopts it.
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

  # A state that was overwritten can be brought back.
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

# A condition on a grant that confines it to the state of one environment.
locals {
  state_of = {
    for environment in var.environments : environment => join(" || ", [
      "resource.name.startsWith('projects/_/buckets/${var.state_bucket}/objects/environment/${environment}/')",
      # Lets it list, which Terraform does before it reads.
      "api.getAttribute('storage.googleapis.com/objectListPrefix', '').startsWith('environment/${environment}/')",
    ])
  }
}

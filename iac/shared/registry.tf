resource "google_artifact_registry_repository" "images" {
  # checkov:skip=CKV_GCP_84:Google's own encryption at rest is enough for images that hold no data; a key of one's own adds a way to lose them.
  repository_id = var.registry_name
  location      = var.region
  format        = "DOCKER"
  description   = "Images of the model server and the page"

  # Cloud Run keeps its own copy of an image for as long as a revision uses it, so a clean-up never
  # breaks what serves or a rollback to a revision that still exists.
  cleanup_policy_dry_run = false

  cleanup_policies {
    id     = "keep-recent"
    action = "KEEP"
    most_recent_versions {
      keep_count = 20
    }
  }

  cleanup_policies {
    id     = "delete-untagged"
    action = "DELETE"
    condition {
      tag_state  = "UNTAGGED"
      older_than = "7d"
    }
  }

  cleanup_policies {
    id     = "delete-old"
    action = "DELETE"
    condition {
      tag_state  = "ANY"
      older_than = "90d"
    }
  }

  vulnerability_scanning_config {
    # On, as the project's containerscanning API is.
    enablement_config = "INHERITED"
  }

  depends_on = [google_project_service.this]
}

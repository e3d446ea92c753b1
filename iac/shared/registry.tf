resource "google_artifact_registry_repository" "images" {
  # checkov:skip=CKV_GCP_84:Google's own encryption at rest is enough for images that hold no data; a key of one's own adds a way to lose them.
  repository_id = var.registry_name
  location      = var.region
  format        = "DOCKER"
  description   = "Images of the model server and the page"

  # A rollback to a revision may need its image again: Cloud Run promises to keep its own copy only
  # while a revision serves. So whatever was released stays. The registry deletes no manifest that a
  # kept one refers to, so the parts of a kept image stay with it.
  cleanup_policy_dry_run = var.cleanup_dry_run

  # Images that a release tag names (scripts/deploy/publish.py): what prod ran, and may run again. A
  # commit's tag is hexadecimal and never begins with v.
  cleanup_policies {
    id     = "keep-released"
    action = "KEEP"
    condition {
      tag_state    = "TAGGED"
      tag_prefixes = ["v"]
    }
  }

  # What dev ran lately. Each push counts as up to five: index, image, attestations, cache.
  cleanup_policies {
    id     = "keep-recent"
    action = "KEEP"
    most_recent_versions {
      keep_count = 100
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

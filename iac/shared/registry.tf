resource "google_artifact_registry_repository" "images" {
  # checkov:skip=CKV_GCP_84:Google's own encryption at rest is enough for images that hold no data; a key of one's own adds a way to lose them.
  repository_id = "ml-deploy-repo"
  location      = var.region
  format        = "DOCKER"
  description   = "Images of the model server and the page"

  # A rollback to a revision may need its image, because Cloud Run keeps its own copy only while a
  # revision serves. So all released images stay. The registry does not delete manifests that a kept
  # manifest refers to, so all parts of a kept image stay too.
  cleanup_policy_dry_run = var.cleanup_dry_run

  # Images with a release tag (scripts/deploy/publish.sh), which prod ran and may run again. The tag
  # of a commit is hexadecimal, so it never begins with v.
  cleanup_policies {
    id     = "keep-released"
    action = "KEEP"
    condition {
      tag_state    = "TAGGED"
      tag_prefixes = ["v"]
    }
  }

  # Recent images of dev. A push creates up to five versions: index, image, attestations, cache.
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
    # Enabled, because the project's containerscanning API is.
    enablement_config = "INHERITED"
  }

  depends_on = [google_project_service.this]
}

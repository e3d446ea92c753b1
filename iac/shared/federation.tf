# GitHub's workflows sign in with their own short-lived token; no key exists.
locals {
  principals = "principal://iam.googleapis.com/${google_iam_workload_identity_pool.github.name}/subject"
}

resource "google_iam_workload_identity_pool" "github" {
  workload_identity_pool_id = var.workload_identity_pool_id
  display_name              = "GitHub Actions"
  description               = "Identities of the workflows of ${var.github_repository}"

  depends_on = [google_project_service.this]
}

resource "google_iam_workload_identity_pool_provider" "github" {
  # checkov:skip=CKV_GCP_125:The check knows a condition on assertion.sub alone. Here the condition is on numbers that nobody else can get, and each account is bound to one whole subject (deployers.tf, planner.tf).
  workload_identity_pool_id          = google_iam_workload_identity_pool.github.workload_identity_pool_id
  workload_identity_pool_provider_id = "github"
  display_name                       = "GitHub"

  oidc {
    issuer_uri = "https://token.actions.githubusercontent.com"
  }

  # Not the token's own `sub`. Its form depends on when the repository was created or last renamed
  # (repo:OWNER/NAME:…, or with both IDs in it), it can be customized, and with long names it exceeds
  # the 127 bytes that Google allows. The claims below are in every token, in one form.
  attribute_mapping = {
    "google.subject"          = "has(assertion.environment) ? assertion.repository_id + ':environment:' + assertion.environment : assertion.repository_id + ':' + assertion.event_name"
    "attribute.repository_id" = "assertion.repository_id"
  }

  # Everybody on GitHub gets tokens from this issuer. IDs, because somebody else can register a name
  # that was given up.
  attribute_condition = "assertion.repository_id == '${var.github_repository_id}' && assertion.repository_owner_id == '${var.github_owner_id}'"
}

# GitHub's workflows sign in with their own short-lived tokens, so no key is needed.
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

  # The token's own `sub` is not used. Its format depends on when the repository was created or last
  # renamed (repo:OWNER/NAME:…, or with both IDs in it), it can be customized, and with long names
  # it exceeds the 127 bytes that Google allows. `repository_id` and `event_name` are in every token
  # and have one format.
  attribute_mapping = {
    "google.subject"          = "has(assertion.environment) ? assertion.repository_id + ':environment:' + assertion.environment : assertion.repository_id + ':' + assertion.event_name"
    "attribute.repository_id" = "assertion.repository_id"
  }

  # This issuer gives tokens to all repositories on GitHub. The condition uses IDs, because somebody
  # else can register a name that was given up.
  attribute_condition = "assertion.repository_id == '${var.github_repository_id}' && assertion.repository_owner_id == '${var.github_owner_id}'"
}

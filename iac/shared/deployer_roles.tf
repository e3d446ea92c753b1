# What a deployer needs to apply iac/environment, and why. None of these can create accounts, grant
# project roles, read secrets or make keys.
locals {
  deployer_project_roles = {
    "roles/run.developer"                        = "makes and updates the services; cannot say who may invoke them"
    "roles/monitoring.alertPolicyEditor"         = "alert policies"
    "roles/monitoring.uptimeCheckConfigEditor"   = "uptime checks"
    "roles/monitoring.dashboardEditor"           = "the dashboard"
    "roles/monitoring.notificationChannelEditor" = "the channel that alerts go to"
  }

  deployer_grants = {
    for pair in setproduct(var.environments, keys(local.deployer_project_roles)) :
    "${pair[0]} ${pair[1]}" => { environment = pair[0], role = pair[1] }
  }
}

resource "google_project_iam_member" "deployer" {
  for_each = local.deployer_grants

  project = var.project_id
  role    = each.value.role
  member  = google_service_account.deployer[each.value.environment].member
}

# The rest of roles/run.admin and roles/iap.admin is not needed: only these.
resource "google_project_iam_custom_role" "access" {
  role_id     = "doubleitServiceAccess"
  title       = "DoubleIt service access"
  description = "Says who may reach a Cloud Run service"
  permissions = [
    "iap.webServices.getIamPolicy",
    "iap.webServices.setIamPolicy", # who may pass the sign-in before the page
    "resourcemanager.projects.get", # the project's number, which names Google's own agents
    "run.services.getIamPolicy",
    "run.services.setIamPolicy", # who may invoke a service
  ]
}

resource "google_project_iam_member" "deployer_access" {
  for_each = var.environments

  project = var.project_id
  role    = google_project_iam_custom_role.access.id
  member  = google_service_account.deployer[each.key].member
}

resource "google_artifact_registry_repository_iam_member" "deployer" {
  for_each = var.environments

  location   = google_artifact_registry_repository.images.location
  repository = google_artifact_registry_repository.images.name
  # Where prod has a project of its own, its deployer is the only one there and pushes.
  role   = each.key == "prod" && contains(var.environments, "dev") ? "roles/artifactregistry.reader" : "roles/artifactregistry.writer"
  member = google_service_account.deployer[each.key].member
}

# Its own environment's state and no other's.
resource "google_storage_bucket_iam_member" "deployer_state" {
  for_each = var.environments

  bucket = google_storage_bucket.state.name
  role   = "roles/storage.objectUser"
  member = google_service_account.deployer[each.key].member

  condition {
    title      = "state of ${each.key}"
    expression = local.state_of[each.key]
  }
}

# A service runs as an account only if whoever deploys it may act as that account.
resource "google_service_account_iam_member" "deployer_acts_as" {
  for_each = local.runtime_accounts

  service_account_id = google_service_account.runtime[each.key].name
  role               = "roles/iam.serviceAccountUser"
  member             = google_service_account.deployer[each.value.environment].member
}

# A federated sign-in gives no ID tokens, and the smoke test of a private API sends one: the deployer
# asks for its own (scripts/deploy/identity.py). The role makes nothing else: no access tokens, no
# signatures.
resource "google_service_account_iam_member" "deployer_id_token" {
  for_each = local.deployers

  service_account_id = google_service_account.deployer[each.key].name
  role               = "roles/iam.serviceAccountOpenIdTokenCreator"
  member             = google_service_account.deployer[each.key].member
}

# The roles that a deployer needs to apply iac/environment, and why. None of them allows creating
# service accounts or keys, granting project roles, or reading secrets.
locals {
  deployer_project_roles = {
    "roles/run.developer"                        = "creates and updates the services; cannot change who may invoke them"
    "roles/monitoring.alertPolicyEditor"         = "alert policies"
    "roles/monitoring.uptimeCheckConfigEditor"   = "uptime checks"
    "roles/monitoring.dashboardEditor"           = "the dashboard"
    "roles/monitoring.servicesEditor"            = "the objectives of availability"
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

# The only permissions that are needed of roles/run.admin, roles/iap.admin and
# roles/logging.configWriter.
resource "google_project_iam_custom_role" "access" {
  role_id     = "doubleitServiceAccess"
  title       = "DoubleIt service access and log alerts"
  description = "Sets who may reach a Cloud Run service, and creates alerts on its log"
  permissions = [
    "iap.webServices.getIamPolicy",
    "iap.webServices.setIamPolicy", # who may open the page
    # An alert on a log entry is also a notification rule of Cloud Logging. Without these
    # permissions, creating one returns 403 even with all roles of Cloud Monitoring.
    "logging.notificationRules.create",
    "logging.notificationRules.delete",
    "logging.notificationRules.get",
    "logging.notificationRules.list",
    "logging.notificationRules.update",
    "resourcemanager.projects.get", # the project's number is part of the service agents' names
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
  # If prod has its own project, its deployer is the only one there and needs to push.
  role   = each.key == "prod" && contains(var.environments, "dev") ? "roles/artifactregistry.reader" : "roles/artifactregistry.writer"
  member = google_service_account.deployer[each.key].member
}

# If each environment has its own project, prod's deployer and prod's Cloud Run read the images in
# dev's project. The members are the output image_readers of prod's project.
resource "google_artifact_registry_repository_iam_member" "reader" {
  for_each = var.registry_readers

  location   = google_artifact_registry_repository.images.location
  repository = google_artifact_registry_repository.images.name
  role       = "roles/artifactregistry.reader"
  member     = each.value
}

# A deployer can access the state of its own environment only.
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

# To deploy a service that runs as a service account, the deployer must be able to act as that
# account.
resource "google_service_account_iam_member" "deployer_acts_as" {
  for_each = local.runtime_accounts

  service_account_id = google_service_account.runtime[each.key].name
  role               = "roles/iam.serviceAccountUser"
  member             = google_service_account.deployer[each.value.environment].member
}

# The smoke test of a private API sends an ID token, which a federated sign-in does not issue. So
# the deployer creates its own (scripts/deploy/checks.py). The role does not allow creating access
# tokens or signatures.
resource "google_service_account_iam_member" "deployer_id_token" {
  for_each = local.deployers

  service_account_id = google_service_account.deployer[each.key].name
  role               = "roles/iam.serviceAccountOpenIdTokenCreator"
  member             = google_service_account.deployer[each.key].member
}

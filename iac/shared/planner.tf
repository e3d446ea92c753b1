# The account that creates the plan in a pull request's comment (.github/workflows/iac.yml).
# Everybody who can push a branch can run unreviewed code as this account. It can therefore only
# read what a plan reads, and change nothing. It does not lock the state
# (scripts/deploy/iac.sh preview).
locals {
  # Pull requests are planned for dev only.
  planned = setintersection(var.environments, ["dev"])
  planner = length(local.planned) > 0 ? 1 : 0

  planner_project_roles = local.planner == 0 ? {} : {
    "roles/run.viewer"                           = "the services, and who may invoke them"
    "roles/monitoring.alertPolicyViewer"         = "alert policies"
    "roles/monitoring.uptimeCheckConfigViewer"   = "uptime checks"
    "roles/monitoring.dashboardViewer"           = "the dashboard"
    "roles/monitoring.servicesViewer"            = "the objectives of availability"
    "roles/monitoring.notificationChannelViewer" = "the channel that alerts go to"
  }
}

resource "google_service_account" "planner" {
  count = local.planner

  account_id   = "github-planner"
  display_name = "Plans pull requests from GitHub, and only looks"
}

# All jobs of pull requests that run in no GitHub environment.
resource "google_service_account_iam_member" "planner_federation" {
  count = local.planner

  service_account_id = google_service_account.planner[0].name
  role               = "roles/iam.workloadIdentityUser"
  member             = "${local.principals}/${var.github_repository_id}:pull_request"
}

resource "google_project_iam_member" "planner" {
  for_each = local.planner_project_roles

  project = var.project_id
  role    = each.key
  member  = google_service_account.planner[0].member
}

# All predefined viewer roles with these permissions can also read logs.
resource "google_project_iam_custom_role" "planner_access" {
  count = local.planner

  role_id     = "doubleitServiceAccessViewer"
  title       = "DoubleIt service access, to look at"
  description = "Reads who may sign in to the page, and alerts on logs"
  permissions = [
    "iap.webServices.getIamPolicy",
    "logging.notificationRules.get",
    "logging.notificationRules.list",
  ]
}

resource "google_project_iam_member" "planner_access" {
  count = local.planner

  project = var.project_id
  role    = google_project_iam_custom_role.planner_access[0].id
  member  = google_service_account.planner[0].member
}

# A plan looks up the service accounts that the services run as.
resource "google_service_account_iam_member" "planner_sees" {
  for_each = { for name, account in local.runtime_accounts : name => account if contains(local.planned, account.environment) }

  service_account_id = google_service_account.runtime[each.key].name
  role               = "roles/iam.serviceAccountViewer"
  member             = google_service_account.planner[0].member
}

resource "google_storage_bucket_iam_member" "planner_state" {
  for_each = local.planned

  bucket = google_storage_bucket.state.name
  role   = "roles/storage.objectViewer"
  member = google_service_account.planner[0].member

  condition {
    title      = "state of ${each.key}"
    expression = local.state_of[each.key]
  }
}

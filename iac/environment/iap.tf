# The page behind a Google sign-in: IAP checks the user, then invokes the service as its own service
# agent.
locals {
  iap       = var.frontend_access == "iap"
  iap_agent = local.iap ? "serviceAccount:service-${data.google_project.this[0].number}@gcp-sa-iap.iam.gserviceaccount.com" : null
}

data "google_project" "this" {
  count = local.iap ? 1 : 0

  project_id = var.project_id
}

resource "google_iap_web_cloud_run_service_iam_member" "visitor" {
  for_each = var.iap_members

  location               = var.region
  cloud_run_service_name = module.frontend.deployment.name
  role                   = "roles/iap.httpsResourceAccessor"
  member                 = each.value
}

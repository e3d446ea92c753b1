# One deployer for each environment. Each is bound to the GitHub environment of the same name through
# the subject that federation.tf maps, so that only a job that passed that environment's protection
# rules (approval, branches) becomes it. Only dev's may push images: what prod runs was built before anybody approved it.
locals {
  deployers = {
    for environment in var.environments : environment =>
    environment == "prod" ? "${var.deployer_name}-prod" : var.deployer_name
  }
}

resource "google_service_account" "deployer" {
  for_each = local.deployers

  account_id   = each.value
  display_name = "Deploys ${each.key} from GitHub"
}

resource "google_service_account_iam_member" "deployer_federation" {
  for_each = local.deployers

  service_account_id = google_service_account.deployer[each.key].name
  role               = "roles/iam.workloadIdentityUser"
  member             = "${local.principals}/${var.github_repository_id}:environment:${each.key}"
}

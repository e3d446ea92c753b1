# One deployer for each environment. Each is bound to the GitHub environment of the same name
# through the subject that federation.tf maps. Only a job that passed the environment's protection
# rules (approval, branches) can sign in as its deployer. Only dev's deployer may push images,
# because prod runs the images that were built for dev.
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

locals {
  apis = toset([
    "artifactregistry.googleapis.com",     # the images
    "cloudresourcemanager.googleapis.com", # Terraform reads the project and its grants
    "containerscanning.googleapis.com",    # vulnerability scanning of pushed images
    "iam.googleapis.com",                  # service accounts and the identity pool
    "iamcredentials.googleapis.com",       # a workflow acts as the deployer
    "iap.googleapis.com",                  # the page behind a sign-in, where wanted
    "logging.googleapis.com",              # the services' logs, and alerts on them
    "monitoring.googleapis.com",           # alerts, uptime checks, dashboards
    "run.googleapis.com",                  # the services
    "secretmanager.googleapis.com",        # the metrics sidecar reads its configuration from there
    "sts.googleapis.com",                  # GitHub's token is exchanged for a Google one
  ])
}

resource "google_project_service" "this" {
  for_each = local.apis

  service = each.value

  # Other things in the project may need the same API: leaving is not a reason to turn it off.
  disable_on_destroy = false
}

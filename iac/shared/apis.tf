locals {
  apis = toset([
    "artifactregistry.googleapis.com",     # the images
    "binaryauthorization.googleapis.com",  # which images may run, if restricted
    "billingbudgets.googleapis.com",       # the budget, if one is set
    "cloudresourcemanager.googleapis.com", # Terraform reads the project and its grants
    "containerscanning.googleapis.com",    # vulnerability scanning of pushed images
    "iam.googleapis.com",                  # service accounts and the identity pool
    "iamcredentials.googleapis.com",       # a workflow signs in as the deployer
    "iap.googleapis.com",                  # the page behind a sign-in, if enabled
    "logging.googleapis.com",              # the services' logs, and alerts on them
    "monitoring.googleapis.com",           # alerts, uptime checks, dashboards
    "run.googleapis.com",                  # the services
    "secretmanager.googleapis.com",        # holds the metrics sidecar's configuration
    "sts.googleapis.com",                  # exchanges GitHub's token for a Google token
  ])
}

resource "google_project_service" "this" {
  for_each = local.apis

  service = each.value

  # Other resources in the project may need the API, so it stays enabled.
  disable_on_destroy = false
}

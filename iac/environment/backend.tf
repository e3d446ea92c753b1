# The API: TorchServe.
locals {
  readiness_path = "/predictions/${var.model_name}/${var.model_version}/ready"
}

module "backend" {
  source = "../modules/service"

  name            = "doubleit-backend-${var.environment}"
  project_id      = var.project_id
  region          = var.region
  image           = var.backend_image
  service_account = data.google_service_account.backend.email

  env = {
    MODEL_NAME    = var.model_name
    MODEL_VERSION = var.model_version
    # The server derives Java's heap and the largest request size from it. It writes 1Gi as 1GiB.
    MEMORY = "${var.backend.memory}B"
  }

  cpu             = var.backend.cpu
  memory          = var.backend.memory
  concurrency     = var.backend.concurrency
  timeout_seconds = var.backend.timeout_seconds
  min_instances   = var.backend.min_instances
  max_instances   = var.backend.max_instances

  # /ping returns 200 while the model still loads; this path returns 200 once a worker can respond.
  startup_path  = local.readiness_path
  liveness_path = "/ping"

  invokers = merge(
    var.backend_public ? { everybody = "allUsers" } : { frontend = data.google_service_account.frontend.member },
    { for member in var.backend_invokers : member => member },
    # A public API needs no grant for its tester.
    { for member in var.backend_tester[*] : member => member if !var.backend_public },
  )

  stable_revision     = var.backend_stable_revision
  canary_percent      = var.backend_canary_percent
  deletion_protection = var.deletion_protection

  sidecar = var.metrics_sidecar_image == null ? null : {
    image         = var.metrics_sidecar_image
    config_secret = "doubleit-run-monitoring"
    config_path   = "/etc/rungmp"
  }
}

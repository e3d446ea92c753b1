# The API: TorchServe.
locals {
  readiness_path = "/predictions/${var.model_name}/${var.model_version}/ready"
}

module "backend" {
  source = "../modules/service"

  name            = "doubleit-backend-${var.environment}"
  region          = var.region
  size            = var.backend
  image           = var.backend_image
  service_account = data.google_service_account.backend.email

  env = merge({
    MODEL_NAME    = var.model_name
    MODEL_VERSION = var.model_version
    # The server derives Java's heap and the largest request size from it. It writes 1Gi as 1GiB.
    MEMORY = "${var.backend.memory}B"
    # With it, lines of the access log name the request's trace, which the console links to.
    GOOGLE_CLOUD_PROJECT = var.project_id
  }, var.backend_env)

  # /ping returns 200 while the model still loads; this path returns 200 once a worker can respond.
  startup_path  = local.readiness_path
  liveness_path = "/ping"

  public    = var.backend_public
  audiences = var.backend_audiences
  invokers = merge(
    { frontend = data.google_service_account.frontend.member },
    { for member in setunion(var.backend_invokers, var.backend_tester[*]) : member => member },
  )

  stable_revision     = var.backend_stable_revision
  canary_percent      = var.backend_canary_percent
  deletion_protection = var.deletion_protection

  binary_authorization = var.binary_authorization
  subnetwork           = var.subnetwork
  commit               = var.commit
  sidecar_image        = var.metrics_sidecar_image
}

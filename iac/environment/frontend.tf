# The page: Streamlit.
module "frontend" {
  source = "../modules/service"

  name            = "doubleit-frontend-${var.environment}"
  region          = var.region
  size            = var.frontend
  image           = var.frontend_image
  service_account = data.google_service_account.frontend.email

  env = {
    BACKEND_URL   = module.backend.deployment.url
    BACKEND_MODEL = var.model_name
    UI_HOSTS      = join(",", concat(["*.run.app"], sort(var.frontend_hosts)))
    BACKEND_AUTH  = var.backend_public ? "none" : "id-token"
    # An open page polls the API every few seconds, which would prevent scaling to zero.
    BACKEND_POLL = var.backend.min_instances == 0 ? "0" : "5"
  }

  # A Streamlit session is in one instance's memory, so its websocket must reconnect to that
  # instance.
  session_affinity = true

  startup_path  = "/_stcore/health"
  liveness_path = "/_stcore/health"

  public      = !local.iap
  iap_enabled = local.iap
  invokers    = { iap = local.iap_agent }

  stable_revision     = var.frontend_stable_revision
  canary_percent      = var.frontend_canary_percent
  deletion_protection = var.deletion_protection

  binary_authorization = var.binary_authorization
  subnetwork           = var.subnetwork
  commit               = var.commit
}

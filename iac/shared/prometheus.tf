# Resources for the API's metrics sidecar, for the environments that have one.
locals {
  prometheus = length(var.prometheus_environments) > 0 ? 1 : 0
}

# The sidecar reads its configuration from a file, which on Cloud Run is a mounted secret.
resource "google_secret_manager_secret" "run_monitoring" {
  count = local.prometheus

  secret_id = "doubleit-run-monitoring"

  replication {
    auto {}
  }

  depends_on = [google_project_service.this]
}

resource "google_secret_manager_secret_version" "run_monitoring" {
  count = local.prometheus

  secret = google_secret_manager_secret.run_monitoring[0].id
  secret_data = yamlencode({
    apiVersion = "monitoring.googleapis.com/v1beta"
    kind       = "RunMonitoring"
    metadata   = { name = "torchserve" }
    spec = {
      endpoints    = [{ port = 8082, path = "/metrics", interval = "30s" }]
      targetLabels = { metadata = ["service", "revision", "instance"] }
    }
  })
}

resource "google_secret_manager_secret_iam_member" "backend_reads_run_monitoring" {
  for_each = var.prometheus_environments

  secret_id = google_secret_manager_secret.run_monitoring[0].id
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.runtime["doubleit-backend-${each.key}"].member
}

resource "google_project_iam_member" "backend_writes_metrics" {
  for_each = var.prometheus_environments

  project = var.project_id
  role    = "roles/monitoring.metricWriter"
  member  = google_service_account.runtime["doubleit-backend-${each.key}"].member
}

resource "google_cloud_run_v2_service_iam_member" "invoker" {
  for_each = var.public ? {} : var.invokers

  project  = var.project_id
  location = google_cloud_run_v2_service.this.location
  name     = google_cloud_run_v2_service.this.name
  role     = "roles/run.invoker"
  member   = each.value
}

output "deployment" {
  description = "What runs and who may invoke it: the outputs of iac/environment."
  value = {
    name             = google_cloud_run_v2_service.this.name
    url              = google_cloud_run_v2_service.this.uri
    canary_url       = one([for target in google_cloud_run_v2_service.this.traffic_statuses : target.uri if target.tag == "canary"])
    serving_revision = local.canary && var.canary_percent < 100 ? var.stable_revision : basename(google_cloud_run_v2_service.this.latest_ready_revision)
    invokers         = tolist(var.public ? ["allUsers"] : [for grant in google_cloud_run_v2_service_iam_member.invoker : grant.member])
  }
}

output "service" {
  description = "The service's resource, for tests of configurations that use this module."
  value       = google_cloud_run_v2_service.this
}

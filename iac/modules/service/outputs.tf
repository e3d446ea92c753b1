output "name" {
  description = "The service's name."
  value       = google_cloud_run_v2_service.this.name
}

output "uri" {
  description = "The service's URL."
  value       = google_cloud_run_v2_service.this.uri
}

output "canary_uri" {
  description = "The newest revision's own URL while a stable revision is named, else null."
  value       = one([for target in google_cloud_run_v2_service.this.traffic_statuses : target.uri if target.tag == var.canary_tag])
}

output "latest_revision" {
  description = "The newest revision that is ready."
  value       = basename(google_cloud_run_v2_service.this.latest_ready_revision)
}

output "serving_revision" {
  description = "The revision to name as stable in the next deployment, and to return to."
  value       = local.canary && var.canary_percent < 100 ? var.stable_revision : basename(google_cloud_run_v2_service.this.latest_ready_revision)
}

output "invokers" {
  description = "Every IAM member that the service's policy lets invoke it."
  value       = [for grant in google_cloud_run_v2_service_iam_member.invoker : grant.member]
}

output "service" {
  description = "The service as declared, for tests of configurations that use this module."
  value       = google_cloud_run_v2_service.this
}

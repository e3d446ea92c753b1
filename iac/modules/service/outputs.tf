output "name" {
  description = "The service's name."
  value       = google_cloud_run_v2_service.this.name
}

output "uri" {
  description = "The service's URL."
  value       = google_cloud_run_v2_service.this.uri
}

output "canary_uri" {
  description = "The newest revision's own URL while a stable revision is set, else null."
  value       = one([for target in google_cloud_run_v2_service.this.traffic_statuses : target.uri if target.tag == "canary"])
}

output "latest_revision" {
  description = "The newest ready revision."
  value       = basename(google_cloud_run_v2_service.this.latest_ready_revision)
}

output "serving_revision" {
  description = "The serving revision: the stable revision for the next deployment or a rollback."
  value       = local.canary && var.canary_percent < 100 ? var.stable_revision : basename(google_cloud_run_v2_service.this.latest_ready_revision)
}

output "invokers" {
  description = "The IAM members that may invoke the service; allUsers if it is public."
  value       = tolist(google_cloud_run_v2_service.this.invoker_iam_disabled ? ["allUsers"] : [for grant in google_cloud_run_v2_service_iam_member.invoker : grant.member])
}

output "service" {
  description = "The service's resource, for tests of configurations that use this module."
  value       = google_cloud_run_v2_service.this
}

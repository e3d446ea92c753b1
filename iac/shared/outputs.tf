output "registry" {
  description = "Where images are pushed: REGISTRY/doubleit-torchserve and REGISTRY/doubleit-frontend."
  value       = "${var.region}-docker.pkg.dev/${var.project_id}/${google_artifact_registry_repository.images.repository_id}"
}

output "workload_identity_provider" {
  description = "The provider's full name, for the workflow's sign-in."
  value       = google_iam_workload_identity_pool_provider.github.name
}

output "deployers" {
  description = "The deployer's address for each environment."
  value       = { for environment, account in google_service_account.deployer : environment => account.email }
}

output "runtime_accounts" {
  description = "The addresses of the accounts that the services run as, by service."
  value       = { for service, account in google_service_account.runtime : service => account.email }
}

output "state_bucket" {
  description = "The bucket of Terraform's state."
  value       = google_storage_bucket.state.name
}

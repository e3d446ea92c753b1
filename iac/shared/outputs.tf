output "registry" {
  description = "Where images are pushed: REGISTRY/doubleit-torchserve and REGISTRY/doubleit-frontend."
  value       = "${var.region}-docker.pkg.dev/${var.project_id}/${google_artifact_registry_repository.images.repository_id}"
}

output "workload_identity_provider" {
  description = "The provider's full name, for the workflow's sign-in."
  value       = google_iam_workload_identity_pool_provider.github.name
}

output "deployer_dev" {
  description = "The email address of dev's deployer; null where this project has no dev."
  value       = try(google_service_account.deployer["dev"].email, null)
}

output "deployer_prod" {
  description = "The email address of prod's deployer; null where this project has no prod."
  value       = try(google_service_account.deployer["prod"].email, null)
}

output "planner" {
  description = "The email address of the account that plans pull requests; null where this project has no dev."
  value       = try(google_service_account.planner[0].email, null)
}

output "runtime_accounts" {
  description = "The email addresses of the accounts that the services run as, by service."
  value       = { for service, account in google_service_account.runtime : service => account.email }
}

output "image_readers" {
  description = "Who here pulls images: the deployers, and Cloud Run itself. For registry_readers of the project that holds the images, where that is another one."
  value = concat(
    [for account in google_service_account.deployer : account.member],
    ["serviceAccount:service-${data.google_project.this.number}@serverless-robot-prod.iam.gserviceaccount.com"],
  )
}

output "state_bucket" {
  description = "The bucket of Terraform's state."
  value       = google_storage_bucket.state.name
}

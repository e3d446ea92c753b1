output "registry" {
  description = "The registry that images are pushed to, as REGISTRY/doubleit-torchserve and REGISTRY/doubleit-frontend."
  value       = "${var.region}-docker.pkg.dev/${var.project_id}/${google_artifact_registry_repository.images.repository_id}"
}

output "workload_identity_provider" {
  description = "The full name of the Workload Identity provider that workflows sign in with."
  value       = google_iam_workload_identity_pool_provider.github.name
}

output "deployer_dev" {
  description = "The email address of dev's deployer. Null if this project has no dev."
  value       = try(google_service_account.deployer["dev"].email, null)
}

output "deployer_prod" {
  description = "The email address of prod's deployer. Null if this project has no prod."
  value       = try(google_service_account.deployer["prod"].email, null)
}

output "planner" {
  description = "The email address of the account that plans pull requests. Null if this project has no dev."
  value       = try(google_service_account.planner[0].email, null)
}

output "image_readers" {
  description = "The IAM members of this project that pull images: the deployers and Cloud Run. If another project holds the images, this is the value of its registry_readers."
  value = concat(
    [for account in google_service_account.deployer : account.member],
    ["serviceAccount:service-${data.google_project.this.number}@serverless-robot-prod.iam.gserviceaccount.com"],
  )
}

output "backend_url" {
  description = "The API's URL, which is also the audience of ID tokens for it."
  value       = module.backend.uri
}

output "backend_canary_url" {
  description = "The URL of the API's newest revision while a stable revision is set, else null."
  value       = module.backend.canary_uri
}

output "backend_serving_revision" {
  description = "The API's serving revision: the value of backend_stable_revision for the next deployment."
  value       = module.backend.serving_revision
}

output "backend_latest_revision" {
  description = "The API's newest ready revision."
  value       = module.backend.latest_revision
}

output "frontend_url" {
  description = "The page's URL."
  value       = module.frontend.uri
}

output "frontend_canary_url" {
  description = "The URL of the page's newest revision while a stable revision is set, else null."
  value       = module.frontend.canary_uri
}

output "frontend_serving_revision" {
  description = "The page's serving revision: the value of frontend_stable_revision for the next deployment."
  value       = module.frontend.serving_revision
}

output "frontend_latest_revision" {
  description = "The page's newest ready revision."
  value       = module.frontend.latest_revision
}

output "commit" {
  description = "The commit that was deployed last."
  value       = var.commit
}

output "model_name" {
  description = "The model that the API serves."
  value       = var.model_name
}

output "model_version" {
  description = "The version of the model that the API serves."
  value       = var.model_version
}

output "backend_invokers" {
  description = "The IAM members that may call the API. Unless it is allUsers, clients must send an ID token for backend_url."
  value       = module.backend.invokers
}

output "frontend_invokers" {
  description = "The IAM members that may invoke the page's service."
  value       = module.frontend.invokers
}

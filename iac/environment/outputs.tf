output "backend_url" {
  description = "The API's URL; also the audience of an ID token for it."
  value       = module.backend.uri
}

output "backend_canary_url" {
  description = "The URL of the API's newest revision while a stable one is named, else null."
  value       = module.backend.canary_uri
}

output "backend_serving_revision" {
  description = "The API's revision to name as backend_stable_revision in the next deployment."
  value       = module.backend.serving_revision
}

output "backend_latest_revision" {
  description = "The API's newest revision that is ready."
  value       = module.backend.latest_revision
}

output "frontend_url" {
  description = "The page's URL."
  value       = module.frontend.uri
}

output "frontend_canary_url" {
  description = "The URL of the page's newest revision while a stable one is named, else null."
  value       = module.frontend.canary_uri
}

output "frontend_serving_revision" {
  description = "The page's revision to name as frontend_stable_revision in the next deployment."
  value       = module.frontend.serving_revision
}

output "frontend_latest_revision" {
  description = "The page's newest revision that is ready."
  value       = module.frontend.latest_revision
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
  description = "Who may call the API. Not allUsers: a caller sends an ID token for backend_url."
  value       = module.backend.invokers
}

output "frontend_invokers" {
  description = "Who may open the page."
  value       = module.frontend.invokers
}

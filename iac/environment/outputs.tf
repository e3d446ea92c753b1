output "backend" {
  description = "The API: its name and URL, which is also the audience of ID tokens for it; canary_url, the newest revision's own URL while a stable revision is set; the serving revision, which is the value of backend_stable_revision for the next deployment; the IAM members that may call it (allUsers: everybody, without a token)."
  value       = module.backend.deployment
}

output "frontend" {
  description = "The same of the page."
  value       = module.frontend.deployment
}

output "model" {
  description = "The name and version of the model that the API serves."
  value       = [var.model_name, var.model_version]
}

output "applied" {
  description = "The images, traffic and commit that were applied last, as variables. make plan-preview plans with them, so that it shows no changes but the configuration's."
  value = {
    backend_image            = var.backend_image
    backend_stable_revision  = var.backend_stable_revision
    backend_canary_percent   = var.backend_canary_percent
    frontend_image           = var.frontend_image
    frontend_stable_revision = var.frontend_stable_revision
    frontend_canary_percent  = var.frontend_canary_percent
    commit                   = var.commit
  }
}

variable "backend_public" {
  description = "Whether everybody may call the API. If false, only the page's service account, backend_invokers and backend_tester may."
  type        = bool
  default     = false

  validation {
    condition     = !(var.backend_public && var.environment == "prod")
    error_message = "backend_public is for dev: prod's API is called by the page. Let another caller in by name, through backend_invokers."
  }
}

variable "backend_invokers" {
  description = "Additional IAM members that may call a private API, such as serviceAccount:smoke-test@PROJECT.iam.gserviceaccount.com."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for member in var.backend_invokers : can(regex("^(user|group|serviceAccount|principal|principalSet|domain):.+$", member))])
    error_message = "backend_invokers holds IAM members by name (user:, group:, serviceAccount:, principal:, principalSet:, domain:). Everybody (allUsers, allAuthenticatedUsers) is what backend_public is for."
  }
}

variable "backend_audiences" {
  description = "Further audiences of ID tokens that a private API accepts, besides its own URL, such as https://api.example.com behind a load balancer."
  type        = list(string)
  default     = []
}

variable "backend_tester" {
  description = "The IAM member that tests a private API after a deployment, such as serviceAccount:github-deployer-prod@PROJECT.iam.gserviceaccount.com. Separate from backend_invokers, because a list in a variable file would override the workflow's value."
  type        = string
  default     = null
}

variable "binary_authorization" {
  description = "Whether the services run only images that the project's policy of Binary Authorization allows. First set allowed_images in iac/shared."
  type        = bool
  default     = false
}

variable "frontend_access" {
  description = "Who may open the page: public (everybody) or iap (the members in iap_members, after a Google sign-in)."
  type        = string

  validation {
    condition     = contains(["public", "iap"], var.frontend_access)
    error_message = "frontend_access is public or iap."
  }
}

variable "iap_members" {
  description = "The IAM members that may open the page when frontend_access is iap."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for member in var.iap_members : can(regex("^(user|group|domain|serviceAccount|principal|principalSet):.+$", member))])
    error_message = "iap_members holds IAM members by name, such as group:team@example.com. For everybody, set frontend_access to public."
  }
  validation {
    condition     = (var.frontend_access == "iap") == (length(var.iap_members) > 0)
    error_message = "iap_members goes with frontend_access = iap: name at least one member with it, and none without."
  }
}

variable "frontend_hosts" {
  description = "Additional host names under which browsers may open the page, besides the service's own run.app names, such as doubleit.example.com or *.example.com."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for host in var.frontend_hosts : can(regex("^(\\*\\.)?[0-9A-Za-z-]+(\\.[0-9A-Za-z-]+)+$", host))])
    error_message = "frontend_hosts holds host names without scheme, port or path, such as doubleit.example.com."
  }
}

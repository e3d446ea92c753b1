# To deploy with a canary, set the stable revision to the one that serves now (see the outputs),
# then raise the newest revision's share: 0 (reachable at its own URL only), 10, 100. To roll back,
# set the stable revision and leave the share at 0.
variable "backend_stable_revision" {
  description = "The API's revision that keeps serving while the newest gets backend_canary_percent of the requests. Null: the newest gets all requests."
  type        = string
  default     = null

  validation {
    condition     = var.backend_stable_revision == null || can(regex("^doubleit-backend-${var.environment}-[a-z0-9-]+$", var.backend_stable_revision))
    error_message = "backend_stable_revision is a revision of this environment's API, such as doubleit-backend-dev-00012-abc: terraform output backend_serving_revision, or gcloud run revisions list."
  }
}

variable "backend_canary_percent" {
  description = "The percentage of requests that the API's newest revision gets; backend_stable_revision gets the rest."
  type        = number
  default     = 0

  validation {
    condition     = var.backend_canary_percent >= 0 && var.backend_canary_percent <= 100 && floor(var.backend_canary_percent) == var.backend_canary_percent
    error_message = "backend_canary_percent is a whole number from 0 to 100; the stable revision gets the rest."
  }
  validation {
    condition     = var.backend_canary_percent == 0 || var.backend_stable_revision != null
    error_message = "backend_canary_percent needs backend_stable_revision: without it, no revision is named that the rest of the requests could go to."
  }
}

variable "frontend_stable_revision" {
  description = "The page's revision that keeps serving while the newest gets frontend_canary_percent of the requests. Null: the newest gets all requests."
  type        = string
  default     = null

  validation {
    condition     = var.frontend_stable_revision == null || can(regex("^doubleit-frontend-${var.environment}-[a-z0-9-]+$", var.frontend_stable_revision))
    error_message = "frontend_stable_revision is a revision of this environment's page, such as doubleit-frontend-dev-00012-abc: terraform output frontend_serving_revision, or gcloud run revisions list."
  }
}

variable "frontend_canary_percent" {
  description = "The percentage of requests that the page's newest revision gets; frontend_stable_revision gets the rest."
  type        = number
  default     = 0

  validation {
    condition     = var.frontend_canary_percent >= 0 && var.frontend_canary_percent <= 100 && floor(var.frontend_canary_percent) == var.frontend_canary_percent
    error_message = "frontend_canary_percent is a whole number from 0 to 100; the stable revision gets the rest."
  }
  validation {
    condition     = var.frontend_canary_percent == 0 || var.frontend_stable_revision != null
    error_message = "frontend_canary_percent needs frontend_stable_revision: without it, no revision is named that the rest of the requests could go to."
  }
}

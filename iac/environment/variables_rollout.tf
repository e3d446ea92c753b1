# To deploy with a canary, set the stable revision to the one that serves now (see the outputs),
# then raise the newest revision's share: 0 (reachable at its own URL only), 10, 100. To roll back,
# set the stable revision and leave the share at 0.
variable "backend_stable_revision" {
  description = "The API's revision that keeps serving while the newest gets backend_canary_percent of the requests. Null: the newest gets all requests."
  type        = string
  default     = null
}

variable "backend_canary_percent" {
  description = "The percentage of requests that the API's newest revision gets; backend_stable_revision gets the rest."
  type        = number
  default     = 0
}

variable "frontend_stable_revision" {
  description = "The page's revision that keeps serving while the newest gets frontend_canary_percent of the requests. Null: the newest gets all requests."
  type        = string
  default     = null
}

variable "frontend_canary_percent" {
  description = "The percentage of requests that the page's newest revision gets; frontend_stable_revision gets the rest."
  type        = number
  default     = 0
}

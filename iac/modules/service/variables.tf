# The configuration that uses this module validates the ranges, because people set the values there.
variable "name" {
  description = "The service's name."
  type        = string
}

variable "project_id" {
  description = "The ID of the project that the service runs in."
  type        = string
}

variable "region" {
  description = "The region that the service runs in."
  type        = string
}

variable "image" {
  description = "The container image, by digest."
  type        = string

  validation {
    condition     = can(regex("@sha256:[0-9a-f]{64}$", var.image))
    error_message = "image names a digest (…@sha256:…): a tag can be moved to another image after it was tested."
  }
}

variable "service_account" {
  description = "The email address of the service account that the service runs as."
  type        = string
}

variable "env" {
  description = "The server's environment variables. Cloud Run adds PORT."
  type        = map(string)
  default     = {}
}

variable "cpu" {
  description = "The CPUs of an instance."
  type        = string
}

variable "memory" {
  description = "The memory of an instance, which also holds its file system."
  type        = string
}

variable "concurrency" {
  description = "The most requests that an instance gets at the same time."
  type        = number
}

variable "timeout_seconds" {
  description = "The most seconds that a request may take."
  type        = number
}

variable "min_instances" {
  description = "The number of instances of the service that are kept warm."
  type        = number
}

variable "max_instances" {
  description = "The most instances of a revision."
  type        = number
}

variable "session_affinity" {
  description = "Whether a client's requests go to the same instance as long as it exists."
  type        = bool
  default     = false
}

variable "startup_path" {
  description = "The path that returns 200 once the server is ready."
  type        = string
}

variable "liveness_path" {
  description = "The path that returns 200 unless the server must be restarted."
  type        = string
}

variable "invokers" {
  description = "The IAM members that may invoke the service, each under a label."
  type        = map(string)
  default     = {}
}

variable "iap_enabled" {
  description = "Whether Identity-Aware Proxy requires a sign-in before the service."
  type        = bool
  default     = false
}

variable "deletion_protection" {
  description = "Whether Terraform refuses to delete the service."
  type        = bool
}

variable "stable_revision" {
  description = "The revision that keeps serving while the newest gets canary_percent of the requests. Null: the newest gets all requests."
  type        = string
  default     = null
}

variable "canary_percent" {
  description = "The percentage of requests that the newest revision gets; the stable revision gets the rest."
  type        = number
  default     = 0
}

variable "canary_tag" {
  description = "The tag in the URL of the newest revision while a stable revision is set."
  type        = string
  default     = "canary"
}

variable "sidecar" {
  description = "A second container that collects the server's metrics: its image by digest, the secret with its configuration, the folder where the secret is mounted, CPUs and memory. Null: no sidecar."
  type = object({
    image         = string
    config_secret = string
    config_path   = string
    cpu           = optional(string, "1")
    memory        = optional(string, "512Mi")
  })
  default = null
}

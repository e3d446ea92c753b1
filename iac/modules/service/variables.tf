# The ranges are checked where a person sets the values: in the configuration that uses this module.
variable "name" {
  description = "The service's name."
  type        = string
}

variable "project_id" {
  description = "The project it runs in."
  type        = string
}

variable "region" {
  description = "The region it runs in."
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
  description = "The email address of the account it runs as."
  type        = string
}

variable "env" {
  description = "The server's environment variables. Cloud Run adds PORT."
  type        = map(string)
  default     = {}
}

variable "cpu" {
  description = "CPUs of an instance."
  type        = string
}

variable "memory" {
  description = "Memory of an instance, its file system included."
  type        = string
}

variable "concurrency" {
  description = "Requests that one instance gets at a time."
  type        = number
}

variable "timeout_seconds" {
  description = "How long one request may take."
  type        = number
}

variable "min_instances" {
  description = "Instances that are kept warm for the whole service."
  type        = number
}

variable "max_instances" {
  description = "The most instances of one revision."
  type        = number
}

variable "session_affinity" {
  description = "Whether a client's requests go to the same instance while it lives."
  type        = bool
  default     = false
}

variable "startup_path" {
  description = "Path that responds 200 once the server is ready."
  type        = string
}

variable "liveness_path" {
  description = "Path that responds 200 unless the server must be restarted."
  type        = string
}

variable "invokers" {
  description = "Who may invoke the service: a label for each IAM member."
  type        = map(string)
  default     = {}
}

variable "iap_enabled" {
  description = "Whether people sign in through Identity-Aware Proxy first."
  type        = bool
  default     = false
}

variable "deletion_protection" {
  description = "Whether Terraform refuses to delete the service."
  type        = bool
}

variable "stable_revision" {
  description = "The revision that keeps serving while the newest has canary_percent. Null: the newest serves everything."
  type        = string
  default     = null
}

variable "canary_percent" {
  description = "The newest revision's share of requests beside a stable revision."
  type        = number
  default     = 0
}

variable "canary_tag" {
  description = "The tag in the URL of the newest revision beside a stable one."
  type        = string
  default     = "canary"
}

variable "sidecar" {
  description = "A second container that collects the server's metrics: its image by digest, the secret with its configuration, the folder where it looks for it, CPUs and memory. Null: none."
  type = object({
    image         = string
    config_secret = string
    config_path   = string
    cpu           = optional(string, "1")
    memory        = optional(string, "512Mi")
  })
  default = null
}

# People set some of these values as inputs of iac/environment. The rules for them are here, once for
# both services; Terraform names the module and the input when it refuses one.
variable "name" {
  description = "The service's name."
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
    condition     = can(regex("^[a-z0-9-]+-docker\\.pkg\\.dev/[^@\\s]+@sha256:[0-9a-f]{64}$", var.image))
    error_message = "image is REGION-docker.pkg.dev/PROJECT/REPOSITORY/NAME@sha256:DIGEST. A tag is refused: it can be moved to another image after it was tested."
  }
}

variable "binary_authorization" {
  description = "Whether the project's policy of Binary Authorization decides which images the service runs."
  type        = bool
  default     = false
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

variable "size" {
  description = "The size of an instance: CPUs, memory (which also holds its file system), the most requests at the same time and seconds for each; the instances that the service keeps warm, and the most instances of a revision."
  type = object({
    cpu             = string
    memory          = string
    concurrency     = number
    timeout_seconds = number
    min_instances   = number
    max_instances   = number
  })

  validation {
    condition     = contains(["1", "2", "4", "8"], var.size.cpu)
    error_message = "size: cpu is 1, 2, 4 or 8. Below one CPU, Cloud Run gives an instance one request at a time: the API has nothing to batch, and one open page fills the instance."
  }
  validation {
    # Cloud Run's rule, which a plan does not check.
    condition = can(regex("^[0-9]+(Mi|Gi)$", var.size.memory)) && alltrue([
      for mib in [try(tonumber(regex("^[0-9]+", var.size.memory)), 0) * (endswith(var.size.memory, "Gi") ? 1024 : 1)] :
      mib >= lookup({ "4" = 2048, "8" = 4096 }, var.size.cpu, 512) && mib <= lookup({ "1" = 4096, "2" = 8192, "4" = 16384 }, var.size.cpu, 32768)
    ])
    error_message = "size: memory has the unit Mi or Gi and fits cpu: at least 512Mi, up to 4Gi with 1 CPU, 8Gi with 2, 2Gi to 16Gi with 4, 4Gi to 32Gi with 8."
  }
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

variable "public" {
  description = "Whether everybody may invoke the service, without a token."
  type        = bool
  default     = false
}

variable "invokers" {
  description = "The IAM members that may invoke a service that is not public, each under a label."
  type        = map(string)
  default     = {}
}

variable "audiences" {
  description = "Further audiences of ID tokens that the service accepts, besides its URL."
  type        = list(string)
  default     = []
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

  validation {
    condition     = var.stable_revision == null || can(regex("^${var.name}-[a-z0-9-]+$", var.stable_revision))
    error_message = "stable_revision is a revision of ${var.name}, such as ${var.name}-00012-abc: make output ENV=…, or gcloud run revisions list."
  }
}

variable "canary_percent" {
  description = "The percentage of requests that the newest revision gets; the stable revision gets the rest."
  type        = number
  default     = 0

  validation {
    condition     = var.canary_percent >= 0 && var.canary_percent <= 100 && floor(var.canary_percent) == var.canary_percent
    error_message = "canary_percent is a whole number from 0 to 100; the stable revision gets the rest."
  }
  validation {
    condition     = var.canary_percent == 0 || var.stable_revision != null
    error_message = "canary_percent needs a stable revision: without it, no revision is named that the rest of the requests could go to."
  }
}

variable "commit" {
  description = "The commit that the configuration comes from, for the service's label. Empty: no label."
  type        = string
  default     = ""
}

variable "subnetwork" {
  description = "The subnetwork through which requests to private addresses leave. Null: the service reaches none."
  type        = string
  default     = null
}

variable "sidecar_image" {
  description = "The image of a second container, Google's Prometheus sidecar, which collects the server's metrics. Null: no sidecar."
  type        = string
  default     = null
}

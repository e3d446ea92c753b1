variable "project_id" {
  description = "The ID of the Google Cloud project."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project_id))
    error_message = "project_id is the project's ID, not its name or number: 6 to 30 lower-case letters, digits and hyphens, beginning with a letter."
  }
}

variable "region" {
  description = "The region of the services."
  type        = string
  default     = "us-central1"

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "region is a Cloud Run region such as us-central1, not a zone (us-central1-a) or a multi-region (us)."
  }
}

variable "environment" {
  description = "dev or prod; part of the name of each resource."
  type        = string

  validation {
    condition     = contains(["dev", "prod"], var.environment)
    error_message = "environment is dev or prod."
  }
}

variable "commit" {
  description = "The commit that is deployed, for the services' label. make plan sets it."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^[0-9a-f]*$", var.commit))
    error_message = "commit is a commit's hash, or empty."
  }
}

variable "subnetwork" {
  description = "The subnetwork through which the services reach private addresses of your network, as projects/PROJECT/regions/REGION/subnetworks/NAME. Null: they reach none."
  type        = string
  default     = null

  validation {
    condition     = var.subnetwork == null || can(regex("^projects/[^/]+/regions/[^/]+/subnetworks/[^/]+$", var.subnetwork))
    error_message = "subnetwork is projects/PROJECT/regions/REGION/subnetworks/NAME."
  }
}

variable "backend_image" {
  description = "The model server's image, by digest."
  type        = string
}

variable "frontend_image" {
  description = "The page's image, by digest."
  type        = string
}

variable "model_name" {
  description = "The model that the server serves and the page uses. An instance gets requests once the model is ready."
  type        = string
  default     = "doubleit"

  validation {
    condition     = can(regex("^[A-Za-z0-9][A-Za-z0-9_.]*$", var.model_name)) && length(var.model_name) <= 100
    error_message = "model_name is the name in the archive: up to 100 letters, digits, dots and underscores, beginning with a letter or digit."
  }
}

variable "model_version" {
  description = "The version of the model in the image."
  type        = string
  default     = "1.0"

  validation {
    condition     = can(regex("^[0-9]+(\\.[0-9]+)*[A-Za-z0-9.]*$", var.model_version)) && length(var.model_version) <= 50
    error_message = "model_version is the version in the archive, such as 1.0: it begins with a digit and has up to 50 characters."
  }
}

variable "backend_env" {
  description = "Additional environment variables of the server, such as ACCESS_LOG with the value info."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for name in keys(var.backend_env) : can(regex("^[A-Z][A-Z0-9_]*$", name))])
    error_message = "backend_env has names in upper case, such as ACCESS_LOG."
  }
}

variable "deletion_protection" {
  description = "Whether Terraform refuses to delete the services."
  type        = bool
}

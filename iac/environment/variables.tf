variable "project_id" {
  description = "The ID of the Google Cloud project."
  type        = string
}

variable "region" {
  description = "The region of the services."
  type        = string
  default     = "us-central1"
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
}

variable "subnetwork" {
  description = "The subnetwork through which the services reach private addresses of your network, as projects/PROJECT/regions/REGION/subnetworks/NAME. Null: they reach none."
  type        = string
  default     = null
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
}

variable "deletion_protection" {
  description = "Whether Terraform refuses to delete the services."
  type        = bool
}

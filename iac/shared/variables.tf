variable "project_id" {
  description = "The ID of the Google Cloud project."
  type        = string
}

variable "region" {
  description = "The region of the registry, the state bucket and the services."
  type        = string
  default     = "us-central1"
}

variable "environments" {
  description = "The environments in this project. To give each environment its own project, list only one."
  type        = set(string)
  default     = ["dev", "prod"]

  validation {
    condition     = length(var.environments) > 0 && length(setsubtract(var.environments, ["dev", "prod"])) == 0
    error_message = "environments holds dev, prod or both."
  }
}

variable "registry_readers" {
  description = "IAM members of other projects that pull this project's images: the output image_readers of the project with the other environment."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for member in var.registry_readers : can(regex("^serviceAccount:[^@\\s]+@[^@\\s]+$", member))])
    error_message = "registry_readers holds service accounts, such as serviceAccount:github-deployer-prod@PROJECT.iam.gserviceaccount.com."
  }
}

variable "allowed_images" {
  description = "The only images that services with binary_authorization may run, as patterns such as us-central1-docker.pkg.dev/PROJECT/ml-deploy-repo/*. It replaces the project's policy of Binary Authorization; the person who applies this needs the role Binary Authorization Policy Editor. Empty: the policy is not managed here."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for pattern in var.allowed_images : can(regex("^[a-z0-9-]+-docker\\.pkg\\.dev/[^/*]+/.+$", pattern))])
    error_message = "allowed_images has patterns with a registry's host and project, such as us-central1-docker.pkg.dev/PROJECT/ml-deploy-repo/*."
  }
}

variable "cleanup_dry_run" {
  description = "Whether the registry's clean-up only logs what it would delete. Read these logs before you set this to false (docs/deployment.md)."
  type        = bool
  default     = true
}

variable "monthly_budget" {
  description = "The project's costs in a month, in whole units of the billing account's currency, that a mail is sent for, and at 50 % and 90 % of it. Null: no budget. The person who applies this needs the role Billing Account Costs Manager."
  type        = number
  default     = null
}

variable "state_bucket" {
  description = "The name of the bucket with Terraform's state. scripts/deploy/infra_setup.sh creates it before the first run."
  type        = string
}

variable "prometheus_environments" {
  description = "The environments whose API may write TorchServe's own metrics to Managed Service for Prometheus."
  type        = set(string)
  default     = []

  validation {
    condition     = length(setsubtract(var.prometheus_environments, var.environments)) == 0
    error_message = "prometheus_environments names an environment that is not in environments."
  }
}

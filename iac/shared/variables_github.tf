variable "deployer_name" {
  description = "The account ID of the deployer. Prod's deployer has the suffix -prod."
  type        = string
  default     = "github-deployer"

  validation {
    # Google allows 30 characters, and the suffix -prod takes five.
    condition     = can(regex("^[a-z][a-z0-9-]{4,23}[a-z0-9]$", var.deployer_name))
    error_message = "deployer_name is 6 to 25 lower-case letters, digits and hyphens, beginning with a letter."
  }
}

variable "github_repository" {
  description = "The only GitHub repository whose workflows may deploy, as OWNER/NAME."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$", var.github_repository))
    error_message = "github_repository is OWNER/NAME, without the host and without .git."
  }
}

variable "github_repository_id" {
  description = "The repository's numeric ID (gh api repos/OWNER/NAME --jq .id). Unlike a name, it cannot be registered again by somebody else."
  type        = string

  validation {
    condition     = can(regex("^[0-9]+$", var.github_repository_id))
    error_message = "github_repository_id is the repository's number: gh api repos/OWNER/NAME --jq .id"
  }
}

variable "github_owner_id" {
  description = "The owner's numeric ID (gh api repos/OWNER/NAME --jq .owner.id)."
  type        = string

  validation {
    condition     = can(regex("^[0-9]+$", var.github_owner_id))
    error_message = "github_owner_id is the owner's number: gh api repos/OWNER/NAME --jq .owner.id"
  }
}

variable "workload_identity_pool_id" {
  description = "The ID of the identity pool. A deleted pool keeps its ID for 30 days; to set up the project again during that time, choose another ID."
  type        = string
  default     = "github-actions"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,30}[a-z0-9]$", var.workload_identity_pool_id)) && !startswith(var.workload_identity_pool_id, "gcp-")
    error_message = "workload_identity_pool_id is 4 to 32 lower-case letters, digits and hyphens, beginning with a letter; gcp- is reserved."
  }
}

variable "deployer_name" {
  description = "The account ID of the deployer. Prod's deployer has the suffix -prod."
  type        = string
  default     = "github-deployer"
}

variable "github_repository" {
  description = "The only GitHub repository whose workflows may deploy, as OWNER/NAME."
  type        = string
}

variable "github_repository_id" {
  description = "The repository's numeric ID (gh api repos/OWNER/NAME --jq .id). Unlike a name, it cannot be registered again by somebody else."
  type        = string
}

variable "github_owner_id" {
  description = "The owner's numeric ID (gh api repos/OWNER/NAME --jq .owner.id)."
  type        = string
}

variable "workload_identity_pool_id" {
  description = "The ID of the identity pool. A deleted pool keeps its ID for 30 days; to set up the project again during that time, choose another ID."
  type        = string
  default     = "github-actions"
}

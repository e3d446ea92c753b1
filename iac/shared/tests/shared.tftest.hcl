# The resources that a project has once. The provider is mocked, so no cloud is needed; its schema
# is real.
mock_provider "google" {
  override_during = plan
}
mock_provider "google" {
  alias           = "billing"
  override_during = plan
}
override_data {
  target          = data.google_project.this
  override_during = plan
  values          = { number = "789", billing_account = "0A-1B-2C" }
}
# The only way to mock an import.
override_resource {
  target = google_storage_bucket.state
}
override_resource {
  target          = google_iam_workload_identity_pool.github
  override_during = plan
  values          = { name = "projects/123/locations/global/workloadIdentityPools/github-actions" }
}
override_resource {
  target          = google_iam_workload_identity_pool_provider.github
  override_during = plan
  values          = { name = "projects/123/locations/global/workloadIdentityPools/github-actions/providers/github" }
}
override_resource {
  target          = google_service_account.deployer["dev"]
  override_during = plan
  values          = { name = "deployer-dev", email = "dev@sa", member = "serviceAccount:dev@sa" }
}
override_resource {
  target          = google_service_account.deployer["prod"]
  override_during = plan
  values          = { name = "deployer-prod", email = "prod@sa", member = "serviceAccount:prod@sa" }
}

variables {
  project_id           = "my-project"
  state_bucket         = "my-project-tfstate"
  github_repository    = "owner/name"
  github_repository_id = "1234"
  github_owner_id      = "56"
}

run "the_defaults" {
  command = plan

  assert {
    condition     = length(google_billing_budget.this) == 0 && length(google_binary_authorization_policy.this) == 0
    error_message = "there is a budget or a policy that nobody set"
  }

  assert {
    condition     = output.registry == "us-central1-docker.pkg.dev/my-project/ml-deploy-repo"
    error_message = "the registry has another name or region"
  }
  assert {
    condition     = google_artifact_registry_repository.images.vulnerability_scanning_config[0].enablement_config == "INHERITED" && contains(keys(google_project_service.this), "containerscanning.googleapis.com")
    error_message = "images are not scanned"
  }

  assert {
    condition = jsonencode({ for p in google_artifact_registry_repository.images.cleanup_policies : p.id => [p.action, p.condition[*].tag_state, p.condition[*].tag_prefixes, p.condition[*].older_than, p.most_recent_versions[*].keep_count] }) == jsonencode({
      keep-released = ["KEEP", ["TAGGED"], [["v"]], [null], []]
      keep-recent   = ["KEEP", [], [], [], [100]]
      delete-old    = ["DELETE", ["ANY"], [null], ["90d"], []]
    })
    error_message = "the clean-up may delete an image that a rollback needs"
  }

  assert {
    condition     = google_artifact_registry_repository.images.cleanup_policy_dry_run
    error_message = "the first apply already deletes"
  }

  assert {
    condition     = output.image_readers == ["serviceAccount:dev@sa", "serviceAccount:prod@sa", "serviceAccount:service-789@serverless-robot-prod.iam.gserviceaccount.com"]
    error_message = "the deployers or Cloud Run's own agent are missing"
  }

  assert {
    condition     = google_storage_bucket.state.versioning[0].enabled
    error_message = "the bucket keeps no earlier versions of the state"
  }
  assert {
    condition     = google_storage_bucket.state.public_access_prevention == "enforced" && google_storage_bucket.state.uniform_bucket_level_access
    error_message = "the state could be made public"
  }

  assert {
    condition     = google_iam_workload_identity_pool_provider.github.attribute_condition == "assertion.repository_id == '1234' && assertion.repository_owner_id == '56'"
    error_message = "tokens of other repositories are accepted"
  }
  assert {
    # A missing claim makes the sign-in fail, so the mapping checks for `environment` first.
    condition     = google_iam_workload_identity_pool_provider.github.attribute_mapping["google.subject"] == "has(assertion.environment) ? assertion.repository_id + ':environment:' + assertion.environment : assertion.repository_id + ':' + assertion.event_name"
    error_message = "the subject is not made from the IDs of repository and environment"
  }

  assert {
    condition = { for e, grant in google_service_account_iam_member.deployer_federation : e => [grant.service_account_id, grant.role, grant.member] } == {
      dev  = ["deployer-dev", "roles/iam.workloadIdentityUser", "principal://iam.googleapis.com/projects/123/locations/global/workloadIdentityPools/github-actions/subject/1234:environment:dev"]
      prod = ["deployer-prod", "roles/iam.workloadIdentityUser", "principal://iam.googleapis.com/projects/123/locations/global/workloadIdentityPools/github-actions/subject/1234:environment:prod"]
    }
    error_message = "another job can use a deployer"
  }
  assert {
    condition     = google_service_account.deployer["dev"].account_id == "github-deployer" && google_service_account.deployer["prod"].account_id == "github-deployer-prod"
    error_message = "the deployers have other account IDs"
  }

  assert {
    condition     = toset([for grant in google_project_iam_member.deployer : grant.role]) == toset(["roles/run.developer", "roles/monitoring.alertPolicyEditor", "roles/monitoring.uptimeCheckConfigEditor", "roles/monitoring.dashboardEditor", "roles/monitoring.servicesEditor", "roles/monitoring.notificationChannelEditor"])
    error_message = "the deployers' project roles changed: say why in deployer_roles.tf"
  }
  assert {
    condition     = google_project_iam_custom_role.access.permissions == toset(["iap.webServices.getIamPolicy", "iap.webServices.setIamPolicy", "logging.notificationRules.create", "logging.notificationRules.delete", "logging.notificationRules.get", "logging.notificationRules.list", "logging.notificationRules.update", "resourcemanager.projects.get", "run.services.getIamPolicy", "run.services.setIamPolicy"])
    error_message = "the deployers' own role changed: say why in deployer_roles.tf"
  }

  assert {
    condition = { for account, grant in google_service_account_iam_member.deployer_acts_as : account => [grant.role, grant.member] } == {
      doubleit-backend-dev   = ["roles/iam.serviceAccountUser", "serviceAccount:dev@sa"]
      doubleit-frontend-dev  = ["roles/iam.serviceAccountUser", "serviceAccount:dev@sa"]
      doubleit-backend-prod  = ["roles/iam.serviceAccountUser", "serviceAccount:prod@sa"]
      doubleit-frontend-prod = ["roles/iam.serviceAccountUser", "serviceAccount:prod@sa"]
    }
    error_message = "a deployer may act as another environment's account"
  }
  assert {
    condition     = alltrue([for e, grant in google_storage_bucket_iam_member.deployer_state : length(regexall("environment/", grant.condition[0].expression)) == 2 && length(regexall("environment/${e}/", grant.condition[0].expression)) == 2])
    error_message = "a deployer may use another environment's state"
  }

  assert {
    condition = { for e, grant in google_service_account_iam_member.deployer_id_token : e => [grant.service_account_id, grant.role, grant.member] } == {
      dev  = ["deployer-dev", "roles/iam.serviceAccountOpenIdTokenCreator", "serviceAccount:dev@sa"]
      prod = ["deployer-prod", "roles/iam.serviceAccountOpenIdTokenCreator", "serviceAccount:prod@sa"]
    }
    error_message = "no token for the smoke test, or tokens of another account"
  }

  assert {
    condition     = { for e, grant in google_artifact_registry_repository_iam_member.deployer : e => grant.role } == { dev = "roles/artifactregistry.writer", prod = "roles/artifactregistry.reader" }
    error_message = "prod's deployer can push what was never tested"
  }

  assert {
    condition     = length(google_secret_manager_secret.run_monitoring) == 0 && length(google_project_iam_member.backend_writes_metrics) == 0
    error_message = "there are permissions for a sidecar that is not used"
  }
}

run "every_option" {
  command = plan
  variables {
    allowed_images          = ["us-central1-docker.pkg.dev/my-project/ml-deploy-repo/*"]
    cleanup_dry_run         = false
    monthly_budget          = 100
    registry_readers        = ["serviceAccount:prod@other.iam.gserviceaccount.com"]
    prometheus_environments = ["prod"]
  }

  assert {
    condition     = google_binary_authorization_policy.this[0].admission_whitelist_patterns[*].name_pattern == tolist(["us-central1-docker.pkg.dev/my-project/ml-deploy-repo/*"]) && google_binary_authorization_policy.this[0].default_admission_rule[0].evaluation_mode == "ALWAYS_DENY"
    error_message = "other images may run"
  }

  assert {
    condition     = google_billing_budget.this[0].billing_account == "0A-1B-2C" && google_billing_budget.this[0].amount[0].specified_amount[0].units == "100" && google_billing_budget.this[0].budget_filter[0].projects == toset(["projects/789"])
    error_message = "the budget is for other costs"
  }

  assert {
    condition     = google_artifact_registry_repository.images.cleanup_policy_dry_run == false
    error_message = "images are never cleaned up"
  }

  assert {
    condition     = { for member, grant in google_artifact_registry_repository_iam_member.reader : member => grant.role } == { "serviceAccount:prod@other.iam.gserviceaccount.com" = "roles/artifactregistry.reader" }
    error_message = "prod in its own project cannot pull the images that dev tested"
  }

  assert {
    condition     = keys(google_project_iam_member.backend_writes_metrics) == ["prod"] && keys(google_secret_manager_secret_iam_member.backend_reads_run_monitoring) == ["prod"]
    error_message = "another environment got the permissions"
  }
  assert {
    condition     = yamldecode(google_secret_manager_secret_version.run_monitoring[0].secret_data).spec.endpoints[0].port == 8082
    error_message = "the sidecar does not scrape TorchServe's port"
  }
}

run "prod_alone_in_its_project_pushes" {
  command = plan
  variables {
    environments = ["prod"]
  }

  assert {
    condition     = google_artifact_registry_repository_iam_member.deployer["prod"].role == "roles/artifactregistry.writer"
    error_message = "nobody could push"
  }
  assert {
    condition     = output.deployer_dev == null && output.deployer_prod == "prod@sa"
    error_message = "there is a deployer for an environment of another project"
  }
}

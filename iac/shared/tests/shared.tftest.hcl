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

override_resource {
  target          = google_service_account.planner[0]
  override_during = plan
  values          = { name = "planner", email = "planner@sa", member = "serviceAccount:planner@sa" }
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
    condition     = length(google_billing_budget.this) + length(google_binary_authorization_policy.this) + length(google_secret_manager_secret.run_monitoring) + length(google_project_iam_member.backend_writes_metrics) == 0
    error_message = "there is a budget, a policy or a sidecar's permission that nobody set"
  }
  assert {
    condition = jsonencode({ for p in google_artifact_registry_repository.images.cleanup_policies : p.id => [p.action, p.condition[*].tag_state, p.condition[*].tag_prefixes, p.condition[*].older_than, p.most_recent_versions[*].keep_count] }) == jsonencode({
      keep-released = ["KEEP", ["TAGGED"], [["v"]], [null], []]
      keep-recent   = ["KEEP", [], [], [], [100]]
      delete-old    = ["DELETE", ["ANY"], [null], ["90d"], []]
    }) && google_artifact_registry_repository.images.cleanup_policy_dry_run
    error_message = "the clean-up may delete an image that a rollback needs, or the first apply already deletes"
  }
  assert {
    condition     = output.image_readers == ["serviceAccount:dev@sa", "serviceAccount:prod@sa", "serviceAccount:service-789@serverless-robot-prod.iam.gserviceaccount.com"]
    error_message = "the deployers or Cloud Run's own agent are missing"
  }
  assert {
    condition     = google_storage_bucket.state.versioning[0].enabled && google_storage_bucket.state.public_access_prevention == "enforced" && google_storage_bucket.state.uniform_bucket_level_access
    error_message = "the bucket keeps no earlier versions of the state, or could be made public"
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
    condition     = toset([for grant in google_project_iam_member.deployer : grant.role]) == toset(["roles/run.developer", "roles/monitoring.alertPolicyEditor", "roles/monitoring.uptimeCheckConfigEditor", "roles/monitoring.dashboardEditor", "roles/monitoring.servicesEditor", "roles/monitoring.notificationChannelEditor"])
    error_message = "the deployers' project roles changed: say why in deployer_roles.tf"
  }
  assert {
    condition     = google_project_iam_custom_role.access.permissions == toset(concat(["resourcemanager.projects.get"], [for permission in ["get", "set"] : "iap.webServices.${permission}IamPolicy"], [for permission in ["get", "set"] : "run.services.${permission}IamPolicy"], [for permission in ["create", "delete", "get", "list", "update"] : "logging.notificationRules.${permission}"]))
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
    condition     = { for member, grant in google_artifact_registry_repository_iam_member.reader : member => grant.role } == { "serviceAccount:prod@other.iam.gserviceaccount.com" = "roles/artifactregistry.reader" }
    error_message = "prod in its own project cannot pull the images that dev tested"
  }
  assert {
    condition     = keys(google_project_iam_member.backend_writes_metrics) == ["prod"] && keys(google_secret_manager_secret_iam_member.backend_reads_run_monitoring) == ["prod"] && yamldecode(google_secret_manager_secret_version.run_monitoring[0].secret_data).spec.endpoints[0].port == 8082
    error_message = "another environment got the permissions, or the sidecar does not scrape TorchServe's port"
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
    condition     = output.deployer_dev == null && output.deployer_prod == "prod@sa" && output.planner == null
    error_message = "there is a deployer or a planner for an environment of another project"
  }
  assert {
    condition     = length(google_service_account.planner) + length(google_project_iam_member.planner) + length(google_storage_bucket_iam_member.planner_state) == 0
    error_message = "there is an account that nothing uses"
  }
}

run "the_planner_only_reads_dev" {
  command = plan

  assert {
    condition = [for grant in google_service_account_iam_member.planner_federation : [grant.service_account_id, grant.role, grant.member]] == [
      ["planner", "roles/iam.workloadIdentityUser", "principal://iam.googleapis.com/projects/123/locations/global/workloadIdentityPools/github-actions/subject/1234:pull_request"]
    ]
    error_message = "another job can use the planner, or none can"
  }
  assert {
    condition     = toset([for grant in google_project_iam_member.planner : grant.role]) == toset(["roles/run.viewer", "roles/monitoring.alertPolicyViewer", "roles/monitoring.uptimeCheckConfigViewer", "roles/monitoring.dashboardViewer", "roles/monitoring.servicesViewer", "roles/monitoring.notificationChannelViewer"])
    error_message = "the planner's project roles changed: say why in planner.tf"
  }
  assert {
    condition     = google_project_iam_custom_role.planner_access[0].permissions == toset(["iap.webServices.getIamPolicy", "logging.notificationRules.get", "logging.notificationRules.list"])
    error_message = "the planner's own role changed: say why in planner.tf"
  }
  assert {
    condition     = { for name, grant in google_service_account_iam_member.planner_sees : name => grant.role } == { doubleit-backend-dev = "roles/iam.serviceAccountViewer", doubleit-frontend-dev = "roles/iam.serviceAccountViewer" }
    error_message = "the planner can see other accounts or act as one"
  }
  assert {
    condition = { for e, grant in google_storage_bucket_iam_member.planner_state : e => [grant.role, grant.member] } == {
      dev = ["roles/storage.objectViewer", "serviceAccount:planner@sa"]
    }
    error_message = "a pull request can read prod's state or write dev's"
  }
  assert {
    condition     = google_storage_bucket_iam_member.planner_state["dev"].condition[0].expression == "resource.name.startsWith('projects/_/buckets/my-project-tfstate/objects/environment/dev/') || api.getAttribute('storage.googleapis.com/objectListPrefix', '').startsWith('environment/dev/')"
    error_message = "the grant is not confined to dev's state"
  }
}

# Invalid values are rejected by their variable's validation.
run "values_of_the_wrong_kind" {
  command = plan
  variables {
    environments     = ["staging"]
    allowed_images   = ["*"]
    registry_readers = ["allUsers"]
  }
  expect_failures = [var.environments, var.allowed_images, var.registry_readers]
}

run "prometheus_for_an_environment_that_is_not_here" {
  command = plan
  variables {
    environments            = ["dev"]
    prometheus_environments = ["prod"]
  }
  expect_failures = [var.prometheus_environments]
}

# The account that plans pull requests. The provider is mocked, so no cloud is needed; its schema is
# real.
mock_provider "google" {
  override_during = plan
}
override_data {
  target          = data.google_project.this
  override_during = plan
  values          = { number = "789" }
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

run "the_planner_only_reads_dev" {
  command = plan

  assert {
    condition = [for grant in google_service_account_iam_member.planner_federation : [grant.service_account_id, grant.role, grant.member]] == [
      ["planner", "roles/iam.workloadIdentityUser", "principal://iam.googleapis.com/projects/123/locations/global/workloadIdentityPools/github-actions/subject/1234:pull_request"]
    ]
    error_message = "another job can use the planner, or none can"
  }
  assert {
    condition     = output.planner == "planner@sa" && google_service_account.planner[0].account_id == "github-planner"
    error_message = "the output is not the planner's account"
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
    condition     = alltrue([for grant in google_project_iam_member.planner : grant.member == "serviceAccount:planner@sa"])
    error_message = "another member has the planner's roles"
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

run "without_dev_there_is_no_planner" {
  command = plan
  variables {
    environments = ["prod"]
  }

  assert {
    condition     = length(google_service_account.planner) == 0 && length(google_project_iam_member.planner) == 0 && length(google_storage_bucket_iam_member.planner_state) == 0 && output.planner == null
    error_message = "there is an account that nothing uses"
  }
}

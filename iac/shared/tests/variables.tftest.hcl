# Invalid values are rejected by their variable's validation.
mock_provider "google" {}
override_data {
  target          = data.google_project.this
  override_during = plan
  values          = { number = "789" }
}
override_resource {
  target = google_storage_bucket.state
}

variables {
  project_id           = "my-project"
  state_bucket         = "my-project-tfstate"
  github_repository    = "owner/name"
  github_repository_id = "1234"
  github_owner_id      = "56"
}

run "values_of_the_wrong_kind" {
  command = plan
  variables {
    project_id                = "123456789012"
    region                    = "us-central1-a"
    environments              = ["staging"]
    state_bucket              = "gs://my-project-tfstate"
    registry_name             = "ML_repo"
    deployer_name             = "github-deployer-of-the-team"
    github_repository         = "https://host.example/owner/name"
    github_repository_id      = "owner/name"
    github_owner_id           = "owner"
    monthly_budget            = 0.5
    allowed_images            = ["*"]
    registry_readers          = ["allUsers"]
    workload_identity_pool_id = "gcp-pool"
  }
  expect_failures = [var.project_id, var.region, var.environments, var.state_bucket, var.registry_name, var.deployer_name, var.github_repository, var.github_repository_id, var.github_owner_id, var.allowed_images, var.monthly_budget, var.registry_readers, var.workload_identity_pool_id]
}

run "prometheus_for_an_environment_that_is_not_here" {
  command = plan
  variables {
    environments            = ["dev"]
    prometheus_environments = ["prod"]
  }
  expect_failures = [var.prometheus_environments]
}

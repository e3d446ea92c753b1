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

run "a_project_number" {
  command = plan
  variables {
    project_id = "123456789012"
  }
  expect_failures = [var.project_id]
}

run "a_zone" {
  command = plan
  variables {
    region = "us-central1-a"
  }
  expect_failures = [var.region]
}

run "an_unknown_environment" {
  command = plan
  variables {
    environments = ["staging"]
  }
  expect_failures = [var.environments]
}

run "a_bucket_with_its_scheme" {
  command = plan
  variables {
    state_bucket = "gs://my-project-tfstate"
  }
  expect_failures = [var.state_bucket]
}

run "a_registry_in_upper_case" {
  command = plan
  variables {
    registry_name = "ML_repo"
  }
  expect_failures = [var.registry_name]
}

run "prometheus_for_an_environment_that_is_not_here" {
  command = plan
  variables {
    environments            = ["dev"]
    prometheus_environments = ["prod"]
  }
  expect_failures = [var.prometheus_environments]
}

run "a_deployer_name_too_long_for_its_suffix" {
  command = plan
  variables {
    deployer_name = "github-deployer-of-the-team"
  }
  expect_failures = [var.deployer_name]
}

run "a_repository_url" {
  command = plan
  variables {
    github_repository = "https://host.example/owner/name"
  }
  expect_failures = [var.github_repository]
}

run "a_repository_name_in_place_of_its_id" {
  command = plan
  variables {
    github_repository_id = "owner/name"
    github_owner_id      = "owner"
  }
  expect_failures = [var.github_repository_id, var.github_owner_id]
}

run "all_users_as_readers_of_the_registry" {
  command = plan
  variables {
    registry_readers = ["allUsers"]
  }
  expect_failures = [var.registry_readers]
}

run "a_reserved_pool" {
  command = plan
  variables {
    workload_identity_pool_id = "gcp-pool"
  }
  expect_failures = [var.workload_identity_pool_id]
}

# Who may do what in dev; run with dev.tfvars.
mock_provider "google" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  project_id     = "my-project"
  backend_image  = "us-central1-docker.pkg.dev/my-project/ml-deploy-repo/doubleit-torchserve@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
  frontend_image = "us-central1-docker.pkg.dev/my-project/ml-deploy-repo/doubleit-frontend@sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
}

run "dev_is_public" {
  command = plan

  assert {
    condition     = output.backend_invokers == ["allUsers"]
    error_message = "dev's API is not public"
  }

  assert {
    condition     = output.frontend_invokers == ["allUsers"]
    error_message = "dev's page is not public"
  }
}

run "a_public_api_needs_no_grant_for_its_tester" {
  command = plan
  variables {
    backend_tester = "serviceAccount:deployer@sa"
  }

  assert {
    condition     = output.backend_invokers == ["allUsers"]
    error_message = "there is a grant without effect"
  }
}

run "a_private_dev_admits_its_tester" {
  command = plan
  variables {
    backend_public = false
    backend_tester = "serviceAccount:deployer@sa"
  }

  assert {
    condition     = toset(output.backend_invokers) == toset(["serviceAccount:frontend@sa", "serviceAccount:deployer@sa"])
    error_message = "the smoke test of a private dev would be refused"
  }
}

run "the_page_sends_no_token_to_a_public_api" {
  command = plan

  assert {
    condition     = { for e in module.frontend.service.template[0].containers[0].env : e.name => e.value } == { BACKEND_URL = "https://service.example.test", BACKEND_AUTH = "none", BACKEND_POLL = "0", BACKEND_MODEL = "doubleit", UI_HOSTS = "*.run.app" }
    error_message = "the page has other environment variables"
  }
}

run "dev_goes_to_zero_and_may_be_deleted" {
  command = plan

  assert {
    condition     = module.backend.service.scaling[0].min_instance_count == 0 && module.frontend.service.scaling[0].min_instance_count == 0
    error_message = "dev keeps instances warm"
  }

  assert {
    condition     = !module.backend.service.deletion_protection && !module.frontend.service.deletion_protection
    error_message = "dev cannot be deleted"
  }
}

run "names_carry_the_environment" {
  command = plan

  assert {
    condition     = module.backend.service.name == "doubleit-backend-dev" && module.frontend.service.name == "doubleit-frontend-dev"
    error_message = "the names are not those of the environment"
  }

  assert {
    condition     = data.google_service_account.backend.account_id == "doubleit-backend-dev" && data.google_service_account.frontend.account_id == "doubleit-frontend-dev"
    error_message = "the accounts are not those of the environment"
  }
}

run "dev_checks_every_service_without_a_token" {
  command = plan

  assert {
    condition     = alltrue([for c in google_monitoring_uptime_check_config.this : length(c.http_check[0].service_agent_authentication) == 0]) && length(google_monitoring_uptime_check_config.this) == 2
    error_message = "the uptime checks do not fit public services"
  }
}

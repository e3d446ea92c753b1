# Who may do what in dev; run with dev.tfvars.
mock_provider "google" {
  source          = "./tests/mocks"
  override_during = plan
}

run "dev_is_public_and_goes_to_zero" {
  command = plan

  assert {
    condition     = output.backend_invokers == tolist(["allUsers"]) && output.frontend_invokers == tolist(["allUsers"])
    error_message = "dev's API or page is not public"
  }

  assert {
    condition     = { for e in module.frontend.service.template[0].containers[0].env : e.name => e.value } == { BACKEND_URL = "https://service.example.test", BACKEND_AUTH = "none", BACKEND_POLL = "0", BACKEND_MODEL = "doubleit", UI_HOSTS = "*.run.app" }
    error_message = "the page has other environment variables"
  }

  assert {
    condition     = module.backend.service.scaling[0].min_instance_count == 0 && module.frontend.service.scaling[0].min_instance_count == 0
    error_message = "dev keeps instances warm"
  }
  assert {
    condition     = !module.backend.service.deletion_protection && !module.frontend.service.deletion_protection
    error_message = "dev cannot be deleted"
  }

  assert {
    condition     = module.backend.service.name == "doubleit-backend-dev" && module.frontend.service.name == "doubleit-frontend-dev"
    error_message = "the names are not those of the environment"
  }
  assert {
    condition     = data.google_service_account.backend.account_id == "doubleit-backend-dev" && data.google_service_account.frontend.account_id == "doubleit-frontend-dev"
    error_message = "the accounts are not those of the environment"
  }

  assert {
    condition     = alltrue([for c in google_monitoring_uptime_check_config.this : length(c.http_check[0].service_agent_authentication) == 0]) && length(google_monitoring_uptime_check_config.this) == 2
    error_message = "the uptime checks do not fit public services"
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

# Who may do what in dev; run with dev.tfvars.
mock_provider "google" {
  source          = "./tests/mocks"
  override_during = plan
}

run "dev_is_public_and_goes_to_zero" {
  command = plan

  assert {
    condition     = output.backend.invokers == tolist(["allUsers"]) && output.frontend.invokers == tolist(["allUsers"])
    error_message = "dev's API or page is not public"
  }
  assert {
    condition     = { for e in module.frontend.service.template[0].containers[0].env : e.name => e.value } == { BACKEND_URL = "https://service.example.test", BACKEND_AUTH = "none", BACKEND_POLL = "0", BACKEND_MODEL = "doubleit", UI_HOSTS = "*.run.app" }
    error_message = "the page has other environment variables"
  }
  assert {
    condition     = alltrue([for it in [module.backend.service, module.frontend.service] : it.scaling[0].min_instance_count == 0 && !it.deletion_protection])
    error_message = "dev keeps instances warm, or cannot be deleted"
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
    condition     = toset(output.backend.invokers) == toset(["serviceAccount:frontend@sa", "serviceAccount:deployer@sa"])
    error_message = "the smoke test of a private dev would be refused"
  }
}

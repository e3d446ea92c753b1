# Each file of examples/; the other tests cover what its values mean.
mock_provider "google" {
  source          = "./tests/mocks"
  override_during = plan
}

run "the_example_is_complete" {
  command = plan

  assert {
    condition     = module.backend.service.name == "doubleit-backend-${var.environment}" && module.backend.service.deletion_protection == (var.environment == "prod")
    error_message = "prod can be deleted, or dev cannot"
  }
  assert {
    condition     = var.backend_public ? output.backend.invokers == tolist(["allUsers"]) : length(output.backend.invokers) == 1 + length(var.backend_invokers)
    error_message = "others may call the API"
  }
  assert {
    condition     = module.frontend.service.iap_enabled == (length(var.iap_members) > 0)
    error_message = "the page can be reached without the sign-in"
  }
}

# examples/public-dev.tfvars
mock_provider "google" {
  source          = "./tests/mocks"
  override_during = plan
}

run "public_dev" {
  command = plan

  assert {
    condition     = contains(output.backend_invokers, "allUsers") && contains(output.frontend_invokers, "allUsers")
    error_message = "the API or the page is not public"
  }

  assert {
    condition     = module.backend.service.scaling[0].min_instance_count == 0 && module.frontend.service.scaling[0].min_instance_count == 0
    error_message = "instances are kept warm"
  }
}

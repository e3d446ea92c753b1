# examples/canary.tfvars
mock_provider "google" {
  source          = "./tests/mocks"
  override_during = plan
}

run "canary" {
  command = plan

  assert {
    condition     = [for t in module.backend.service.traffic : t.percent] == [90, 10] && [for t in module.frontend.service.traffic : t.percent] == [100]
    error_message = "the canary's percentage is not 10, or the page has one too"
  }
}

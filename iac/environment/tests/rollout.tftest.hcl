# Traffic between revisions, in both environments. The module's tests cover the percentages.
mock_provider "google" {
  source          = "./tests/mocks"
  override_during = plan
}

run "each_service_has_its_own_canary" {
  command = plan
  variables {
    backend_stable_revision  = "doubleit-backend-${var.environment}-00001-old"
    backend_canary_percent   = 10
    frontend_stable_revision = "doubleit-frontend-${var.environment}-00001-old"
    frontend_canary_percent  = 50
  }

  assert {
    condition     = [for t in module.backend.service.traffic : t.percent] == [90, 10] && [for t in module.frontend.service.traffic : t.percent] == [50, 50]
    error_message = "the percentages are not 90 and 10 for the API, 50 and 50 for the page"
  }

  assert {
    condition     = output.backend_serving_revision == var.backend_stable_revision && output.frontend_serving_revision == var.frontend_stable_revision
    error_message = "the outputs name other revisions"
  }
}

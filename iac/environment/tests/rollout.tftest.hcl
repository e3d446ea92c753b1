# Traffic between revisions, in both environments. The module's tests cover the percentages.
mock_provider "google" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  project_id     = "my-project"
  backend_image  = "us-central1-docker.pkg.dev/my-project/ml-deploy-repo/doubleit-torchserve@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
  frontend_image = "us-central1-docker.pkg.dev/my-project/ml-deploy-repo/doubleit-frontend@sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
}

run "a_canary_of_the_api_leaves_the_page_alone" {
  command = plan
  variables {
    backend_stable_revision = "doubleit-backend-${var.environment}-00001-old"
    backend_canary_percent  = 10
  }

  assert {
    condition     = [for t in module.backend.service.traffic : t.percent] == [90, 10]
    error_message = "the percentages are not 90 and 10"
  }

  assert {
    condition     = [for t in module.frontend.service.traffic : t.percent] == [100]
    error_message = "the page's traffic changed"
  }
}

run "naming_a_revision_alone_rolls_back" {
  command = plan
  variables {
    backend_stable_revision = "doubleit-backend-${var.environment}-00001-old"
  }

  assert {
    condition     = [for t in module.backend.service.traffic : t.percent if t.revision != null] == [100]
    error_message = "the named revision does not serve everything"
  }

  assert {
    condition     = output.backend_serving_revision == var.backend_stable_revision
    error_message = "the outputs name another revision"
  }
}

run "the_page_has_its_own_canary" {
  command = plan
  variables {
    frontend_stable_revision = "doubleit-frontend-${var.environment}-00001-old"
    frontend_canary_percent  = 50
  }

  assert {
    condition     = [for t in module.frontend.service.traffic : t.percent] == [50, 50]
    error_message = "the percentages are not 50 and 50"
  }

  assert {
    condition     = [for t in module.backend.service.traffic : t.percent] == [100]
    error_message = "the API's traffic changed"
  }
}

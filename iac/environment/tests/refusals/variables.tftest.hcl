# Invalid values are rejected by their variable's validation. Each run gives each variable one of
# them; the module's tests have those that both services share.
mock_provider "google" {
  source          = "./tests/mocks"
  override_during = plan
}

run "first_values" {
  command = plan
  variables {
    environment           = "staging"
    model_name            = "a/b"
    model_version         = "latest"
    backend_invokers      = ["allUsers"]
    frontend_access       = "private"
    frontend_hosts        = ["https://doubleit.example.com"]
    alert_thresholds      = { error_share = 5 }
    metrics_sidecar_image = "us-docker.pkg.dev/p/r/sidecar:1.2.0"
    backend               = { memory = "512Mi" }
  }
  expect_failures = [
    var.environment, var.model_name, var.model_version, var.backend_invokers, var.frontend_access, var.frontend_hosts, var.alert_thresholds, var.metrics_sidecar_image, var.backend,
  ]
}

run "second_values" {
  command = plan
  variables {
    environment     = "prod"
    backend_public  = true
    model_name      = "my-model"
    model_version   = join("", [for i in range(300) : "1"])
    frontend_access = "iap"
    iap_members     = ["allUsers"]
    frontend_hosts  = ["*"]
  }
  expect_failures = [var.backend_public, var.model_name, var.model_version, var.iap_members, var.frontend_hosts]
}

run "members_without_a_sign_in" {
  command = plan
  variables {
    iap_members = ["group:team@example.com"]
  }
  expect_failures = [var.iap_members]
}

run "a_sign_in_without_members" {
  command = plan
  variables {
    frontend_access = "iap"
  }
  expect_failures = [var.iap_members]
}

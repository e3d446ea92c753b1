# Invalid values are rejected by their variable's validation. Each run gives each variable one of
# them; the module's tests have those that both services share.
mock_provider "google" {
  source          = "./tests/mocks"
  override_during = plan
}

run "first_values" {
  command = plan
  variables {
    project_id            = "123456789012"
    region                = "us-central1-a"
    environment           = "staging"
    model_name            = "a/b"
    model_version         = "latest"
    backend_env           = { "access log" = "info" }
    backend_audiences     = ["api.example.com"]
    backend_invokers      = ["allUsers"]
    backend_tester        = "serviceAccount:"
    frontend_access       = "private"
    frontend_hosts        = ["https://doubleit.example.com"]
    alert_email           = "oncall"
    alert_thresholds      = { error_share = 5 }
    availability_goal     = 99.5
    uptime_period_seconds = 30
    metrics_sidecar_image = "us-docker.pkg.dev/p/r/sidecar:1.2.0"
    backend               = { memory = "512Mi" }
    commit                = "main"
    subnetwork            = "default"
  }
  expect_failures = [
    var.project_id, var.region, var.environment, var.model_name, var.model_version, var.backend_env, var.backend_audiences, var.backend_invokers, var.backend_tester, var.frontend_access, var.frontend_hosts, var.alert_email, var.alert_thresholds,
    var.availability_goal, var.uptime_period_seconds, var.metrics_sidecar_image, var.backend, var.commit, var.subnetwork,
  ]
}

run "second_values" {
  command = plan
  variables {
    environment      = "prod"
    backend_public   = true
    model_name       = "my-model"
    model_version    = join("", [for i in range(300) : "1"])
    frontend_access  = "iap"
    iap_members      = ["allUsers"]
    frontend_hosts   = ["*"]
    alert_thresholds = { latency_p95_ms = 0 }
  }
  expect_failures = [var.backend_public, var.model_name, var.model_version, var.iap_members, var.frontend_hosts, var.alert_thresholds]
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

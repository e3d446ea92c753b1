# Invalid values are rejected by their variable's validation.
mock_provider "google" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  project_id     = "my-project"
  backend_image  = "us-central1-docker.pkg.dev/my-project/ml-deploy-repo/doubleit-torchserve@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
  frontend_image = "us-central1-docker.pkg.dev/my-project/ml-deploy-repo/doubleit-frontend@sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
}

run "an_image_by_tag" {
  command = plan
  variables {
    backend_image = "us-central1-docker.pkg.dev/p/r/i:latest"
  }
  expect_failures = [var.backend_image]
}

run "an_image_without_tag_or_digest" {
  command = plan
  variables {
    frontend_image = "us-central1-docker.pkg.dev/p/r/i"
  }
  expect_failures = [var.frontend_image]
}

run "an_image_of_another_registry" {
  command = plan
  variables {
    backend_image = "registry.example/p/i@sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
  }
  expect_failures = [var.backend_image]
}

run "an_unknown_environment" {
  command = plan
  variables {
    environment = "staging"
  }
  expect_failures = [var.environment]
}

run "a_project_number" {
  command = plan
  variables {
    project_id = "123456789012"
  }
  expect_failures = [var.project_id]
}

run "a_zone" {
  command = plan
  variables {
    region = "us-central1-a"
  }
  expect_failures = [var.region]
}

run "a_model_name_with_a_slash" {
  command = plan
  variables {
    model_name = "a/b"
  }
  expect_failures = [var.model_name]
}

run "a_model_version_with_letters" {
  command = plan
  variables {
    model_version = "latest"
  }
  expect_failures = [var.model_version]
}

run "a_public_api_in_prod" {
  command = plan
  variables {
    environment    = "prod"
    backend_public = true
  }
  expect_failures = [var.backend_public]
}

run "all_users_among_the_named_callers" {
  command = plan
  variables {
    backend_invokers = ["allUsers"]
  }
  expect_failures = [var.backend_invokers]
}

run "a_tester_without_a_name" {
  command = plan
  variables {
    backend_tester = "serviceAccount:"
  }
  expect_failures = [var.backend_tester]
}

run "an_unknown_access" {
  command = plan
  variables {
    frontend_access = "private"
  }
  expect_failures = [var.frontend_access]
}

run "a_sign_in_without_members" {
  command = plan
  variables {
    frontend_access = "iap"
  }
  expect_failures = [var.iap_members]
}

run "members_without_a_sign_in" {
  command = plan
  variables {
    frontend_access = "public"
    iap_members     = ["group:team@example.com"]
  }
  expect_failures = [var.iap_members]
}

run "all_users_with_a_sign_in" {
  command = plan
  variables {
    frontend_access = "iap"
    iap_members     = ["allUsers"]
  }
  expect_failures = [var.iap_members]
}

run "more_requests_than_the_queue_holds" {
  command = plan
  variables {
    backend = { concurrency = 1001 }
  }
  expect_failures = [var.backend]
}

run "less_than_one_cpu" {
  command = plan
  variables {
    backend = { cpu = "0.5" }
  }
  expect_failures = [var.backend]
}

run "too_little_memory_for_the_server" {
  command = plan
  variables {
    backend = { memory = "512Mi" }
  }
  expect_failures = [var.backend]
}

run "memory_without_a_unit" {
  command = plan
  variables {
    backend = { memory = "1024" }
  }
  expect_failures = [var.backend]
}

run "more_warm_instances_than_allowed" {
  command = plan
  variables {
    backend = { min_instances = 4, max_instances = 3 }
  }
  expect_failures = [var.backend]
}

run "a_timeout_above_an_hour" {
  command = plan
  variables {
    backend = { timeout_seconds = 7200 }
  }
  expect_failures = [var.backend]
}

run "too_little_memory_for_the_page" {
  command = plan
  variables {
    frontend = { memory = "256Mi" }
  }
  expect_failures = [var.frontend]
}

run "a_page_without_instances" {
  command = plan
  variables {
    frontend = { max_instances = 0 }
  }
  expect_failures = [var.frontend]
}

run "a_share_above_hundred" {
  command = plan
  variables {
    backend_stable_revision = "doubleit-backend-dev-00001-old"
    backend_canary_percent  = 101
  }
  expect_failures = [var.backend_canary_percent]
}

run "a_share_below_zero" {
  command = plan
  variables {
    backend_stable_revision = "doubleit-backend-dev-00001-old"
    backend_canary_percent  = -1
  }
  expect_failures = [var.backend_canary_percent]
}

run "half_a_percent" {
  command = plan
  variables {
    backend_stable_revision = "doubleit-backend-dev-00001-old"
    backend_canary_percent  = 0.5
  }
  expect_failures = [var.backend_canary_percent]
}

run "a_share_without_a_stable_revision" {
  command = plan
  variables {
    backend_canary_percent  = 10
    frontend_canary_percent = 10
  }
  expect_failures = [var.backend_canary_percent, var.frontend_canary_percent]
}

run "a_revision_of_another_environment" {
  command = plan
  variables {
    backend_stable_revision = "doubleit-backend-prod-00001-old"
  }
  expect_failures = [var.backend_stable_revision]
}

run "a_revision_of_the_other_service" {
  command = plan
  variables {
    frontend_stable_revision = "doubleit-backend-dev-00001-old"
  }
  expect_failures = [var.frontend_stable_revision]
}

run "an_invalid_email_address" {
  command = plan
  variables {
    alert_email = "oncall"
  }
  expect_failures = [var.alert_email]
}

run "a_share_in_percent" {
  command = plan
  variables {
    alert_thresholds = { error_share = 5 }
  }
  expect_failures = [var.alert_thresholds]
}

run "a_period_that_is_not_offered" {
  command = plan
  variables {
    uptime_period_seconds = 30
  }
  expect_failures = [var.uptime_period_seconds]
}

run "a_sidecar_by_tag" {
  command = plan
  variables {
    metrics_sidecar_image = "us-docker.pkg.dev/p/r/sidecar:1.2.0"
  }
  expect_failures = [var.metrics_sidecar_image]
}

run "too_little_memory_for_four_cpus" {
  command = plan
  variables {
    backend = { cpu = "4", memory = "1Gi" }
  }
  expect_failures = [var.backend]
}

run "too_much_memory_for_one_cpu" {
  command = plan
  variables {
    frontend = { cpu = "1", memory = "5Gi" }
  }
  expect_failures = [var.frontend]
}

run "a_model_name_with_a_hyphen" {
  command = plan
  variables {
    model_name = "my-model"
  }
  expect_failures = [var.model_name]
}

run "a_host_with_its_scheme" {
  command = plan
  variables {
    frontend_hosts = ["https://doubleit.example.com"]
  }
  expect_failures = [var.frontend_hosts]
}

run "every_host" {
  command = plan
  variables {
    frontend_hosts = ["*"]
  }
  expect_failures = [var.frontend_hosts]
}

run "a_model_version_of_300_digits" {
  command = plan
  variables {
    model_version = join("", [for i in range(300) : "1"])
  }
  expect_failures = [var.model_version]
}
